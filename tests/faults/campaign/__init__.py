"""The long form of the fault campaign: `python -m tests.faults.campaign`."""
