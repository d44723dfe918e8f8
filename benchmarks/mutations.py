"""Which faults the tests notice: each of these changes, made in a copy, must make a test fail.

    python benchmarks/mutations.py [number ...]

A fault is a file, the text replaced, what replaces it, and the tests that should notice. Writes
`results/mutations.json`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAULTS = (
    ("scaling fitted on all rows, test rows included", "hump/training/fit.py",
     "    at, features = data.at[rows], data.features", "    at, features = data.at, data.features",
     "tests/training tests/experiments/test_leakage.py"),
    ("pre-trained start from random weights", "hump/training/fit.py",
     "    if pretrained:\n        model = copy.deepcopy(model)", "    if False:\n        pass",
     "tests/training tests/experiments/test_protocol.py tests/experiments/test_leakage.py"),
    ("few-shot draws from test speakers", "hump/experiments/few_shot.py",
     "rows = draw(data.rows, fold.train,", "rows = draw(data.rows, fold.test,",
     "tests/experiments/test_few_shot.py tests/experiments/test_leakage.py"),
    ("a draw is not checked", "hump/corpora/splits.py",
     "return replace(self, train=train, validation=validation).checked(rows)",
     "return replace(self, train=train, validation=validation)", "tests/corpora/test_splits.py"),
    ("the learning rate does not fall", "hump/training/loop.py",
     "self.rate * left / self.updates", "self.rate", "tests/training"),
    ("source epochs by maximum", "hump/experiments/protocol.py", "np.median([result",
     "np.max([result", "tests/experiments/test_protocol.py tests/experiments/test_variants.py"),
    ("weight decay beside the pull to the source", "hump/training/strategies.py",
     '["weight_decay"] = 0.0', '["weight_decay"] = 0.1', "tests/training"),
    ("epoch chosen on test rows", "hump/training/fit.py",
     "predicted = predict(model, data, split.validation).argmax(1)",
     "predicted = predict(model, data, split.test).argmax(1)[: len(split.validation)]",
     "tests/training tests/experiments/test_leakage.py"),
    ("strategies compared on test speakers", "hump/experiments/tuning.py",
     "fit.classify(net, data, drawn.validation)", "fit.classify(net, data, drawn.test)",
     "tests/experiments/test_tuning.py tests/experiments/test_leakage.py"),
    ("temperature fitted on test rows", "hump/experiments/calibration.py",
     "held, fitted = split.validation, np.nan", "held, fitted = split.test, np.nan",
     "tests/experiments/test_diagnosis.py tests/experiments/test_leakage.py"),
    ("probe's scaler fitted on all rows", "hump/experiments/probes.py",
     "StandardScaler().fit(values[train])", "StandardScaler().fit(values)",
     "tests/experiments/test_probes.py tests/experiments/test_leakage.py"),
    ("a job's key forgets its arguments", "hump/experiments/runner.py",
     "_identity(call, memory)]", "0]", "tests/experiments/test_runner.py"),
    ("a job's key forgets its code", "hump/experiments/runner.py",
     "return code.version(*classes, functions=[function])", 'return ""',
     "tests/experiments/test_runner.py"),
    ("intervals are not widened for few speakers", "hump/evaluation/intervals.py",
     "speakers / (speakers - 1)", "speakers / speakers", "tests/evaluation"),
    ("Holm's correction left out", "hump/evaluation/paired.py", 'method="holm"',
     'method="fdr_bh"', "tests/evaluation"),
    ("UAR counts classes without utterances", "hump/evaluation/metrics.py",
     "np.nanmean(recall", "np.mean(np.nan_to_num(recall)", "tests/evaluation"),
    ("padding is pooled", "hump/model/network.py",
     "weight = valid.unsqueeze(-1).to(values.dtype)",
     "weight = torch.ones_like(valid).unsqueeze(-1).to(values.dtype)", "tests/model"),
    ("attention sees padding", "hump/model/network.py", "masked_fill(~key_valid, -torch.inf)",
     "masked_fill(~key_valid, 0.0)", "tests/model"),
    ("margin with the wrong sign", "hump/model/network.py", "self(embedding) - margin",
     "self(embedding) + margin", "tests/model"),
    ("undefined prosody becomes 0", "hump/features/prosody.py",
     "np.where(defined, values, np.nan)", "np.where(defined, values, 0)",
     "tests/features/test_prosody.py"),
    ("a copy under another label is used", "hump/corpora/recipe.py",
     'copies["emotion_raw"].nunique() > 1', 'copies["emotion_raw"].nunique() > 9',
     "tests/corpora/test_corpora.py tests/corpora/test_bad_audio.py"),
    ("a step ignores changed inputs", "hump/run/steps.py", '(("needs", step.needs), ',
     '(("needs", ()), ', "tests/run/test_steps.py"),
    ("dates decide what is read again", "hump/run/steps.py",
     "{state.st_ino} {state.st_ctime_ns}", "{state.st_mtime_ns}", "tests/run/test_steps.py"),
)  # fmt: skip


def caught(fault) -> dict:
    """Whether the tests fail in a copy of the project with a fault."""
    name, file, old, new, tests = fault
    listed = ["git", "ls-files", "-co", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [path for path in files.stdout.splitlines() if (ROOT / path).is_file()]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        for path in files:
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, copy / path)
        text = (copy / file).read_text(encoding="utf-8")
        if text.count(old) < 1:
            raise SystemExit(f"{name}: {file} has no {old!r} to be replaced")
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "-x", *tests.split()]
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = failed[0].split()[1] if failed else ""
    return {"fault": name, "file": file, "caught": done.returncode == 1, "by": by}


def main(numbers):
    """Try the faults of these numbers, or all; the tests must pass without a fault."""
    results, every = [], sorted({test for *_, tests in FAULTS for test in tests.split()})
    if caught(("no fault", FAULTS[0][1], "", "", " ".join(every)))["caught"]:
        raise SystemExit("tests fail without a fault: nothing can be said of faults")
    for number, fault in enumerate(FAULTS, start=1):
        if not numbers or str(number) in numbers:
            results.append(caught(fault))
            print(number, json.dumps(results[-1]), flush=True)
    print(f"{sum(r['caught'] for r in results)} of {len(results)} caught")
    if not numbers:
        text = json.dumps(results, indent=1) + "\n"
        (ROOT / "benchmarks" / "results" / "mutations.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
