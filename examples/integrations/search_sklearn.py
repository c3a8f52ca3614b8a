"""Search the parameters of a scikit-learn estimator on more and more samples."""

from __future__ import annotations

from ray import tune
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from raytune_suite.integrations.sklearn import TuneSearchCV

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    space = {"svc__C": tune.loguniform(1e-2, 1e3), "svc__gamma": tune.loguniform(1e-5, 1)}
    search = TuneSearchCV(
        make_pipeline(StandardScaler(), SVC()), space, resource="samples", method="asha", budget=4, cv=3
    )
    search.fit(X, y)
    print(f"best {search.best_score_:.3f} with {search.best_params_}")
