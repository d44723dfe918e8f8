"""Every figure of the study; only notebooks import this.

Names are fetched when they are first used: ``plots.counts`` imports `hump.plots.corpora` alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "corpora": ["counts", "durations", "shortcuts", "spectrograms", "streams"],
        "diagnostics": ["attention_entropy", "embeddings", "label_rates", "reliability"],
        "experiments": [
            "architecture", "cost", "differences", "layer_curves", "layer_pairs", "matrix",
            "trainings",
        ],
        "fractions": [
            "few_shot", "fraction_curves", "overlap", "strategies", "transfer", "transfer_curves",
        ],
        "ledger": ["claim_ledger"],
        "results": ["confusion_matrices", "forest", "learning_curves", "protocol_gap", "speakers"],
        "speech": ["distillation", "recording", "spoken_pieces"],
        "style": ["keep", "save"],
    },
)  # fmt: skip
