"""Thin layers between rts.tune and other libraries: XGBoost, LightGBM, Keras, RLlib, scikit-learn and Hydra."""
