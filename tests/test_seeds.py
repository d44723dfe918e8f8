"""Seeds depend on their purpose alone."""

import subprocess
import sys

from hump import seeds


def test_purposes_differ():
    purposes = [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), ("1a",), (1, "a", 0.1)]
    assert len({seeds.seed_of(*purpose) for purpose in purposes}) == len(purposes)


def test_same_in_every_process():
    code = "from hump import seeds; print(seeds.seed_of(1, 'draw', 'emodb', 0.33))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) == seeds.seed_of(1, "draw", "emodb", 0.33)
    assert 0 <= int(said.stdout) < 2**63


def test_generators_of_one_purpose_agree():
    assert (seeds.generator("x").random(5) == seeds.generator("x").random(5)).all()
