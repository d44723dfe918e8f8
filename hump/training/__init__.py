"""Training: batches from a corpus, pre-training, fine-tuning, prediction, and baselines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "baselines": ["BASELINES", "fit_predict", "linear_svm"],
        "corpus": ["load", "others"],
        "dataset": ["Data"],
        "fit": ["History", "build", "finetune", "fit_scaling", "outputs", "predict", "pretrain"],
    },
)
