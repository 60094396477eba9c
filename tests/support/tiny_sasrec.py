"""Hyperparameters of a SASRec that learns in seconds."""

BASE = {
    "dim": 16, "max_length": 4, "layers": 1, "heads": 2, "ffn": 32, "activation": "swish",
    "hidden_dropout": 0.1, "attention_dropout": 0.1, "lr": 0.01, "weight_decay": 0.0, "batch_size": 64,
    "epochs": 3, "patience": 3, "gradient_clip": 10.0,
}  # fmt: skip
