"""JSON schemas of KubeRay's resources and of the Kubernetes objects beside them, as package data."""
