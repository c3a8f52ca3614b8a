"""Thin layers between rts.tune and other libraries: XGBoost, LightGBM and scikit-learn."""
