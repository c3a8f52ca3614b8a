"""The tests; a package, so that a fresh process of a test can import what the tests share."""
