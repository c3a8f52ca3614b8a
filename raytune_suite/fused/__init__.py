"""Fused trials: many trainings of one model advance as lanes of a single sequence of tensor operations.

A small model leaves a GPU idle, since launching its operations takes longer than computing them. Fused, K trainings
launch each operation once. `program` declares what is trained as pure functions, `lanes` trains K of them at once, and
`trainable` wraps one for Ray. Only `trainable` imports Ray.
"""
