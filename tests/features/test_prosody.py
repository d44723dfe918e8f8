import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as signals

from hump.errors import FeatureError
from hump.features import disvoice, prosody

# DisVoice's own file call, in a process of its own: the package cannot be imported on SciPy 1.14+.
DISVOICE = """
import importlib.util, sys, types, warnings
warnings.simplefilter("ignore")
sys.modules["kaldi_io"] = types.ModuleType("kaldi_io")
sys.path.insert(0, importlib.util.find_spec("disvoice").submodule_search_locations[0] + "/prosody")
import numpy, prosody
*files, result = sys.argv[1:]
extract = prosody.Prosody().extract_features_file
numpy.save(result, [extract(file, static=True, plots=False, fmt="npy") for file in files])
"""

SIDE_EFFECTS = """
import sys, warnings
import numpy as np
import matplotlib, matplotlib.pyplot
from hump.features import prosody
import sklearn.metrics, scipy.stats, pandas, torch, tqdm

def state():
    return (list(sys.path), dict(matplotlib.rcParams), list(warnings.filters), np.geterr(),
            sys.modules["matplotlib"], sys.modules["matplotlib.pyplot"], sklearn.get_config())

before = state()
prosody.extract(np.random.default_rng(0).standard_normal(8000).astype("float32") * 0.1)
assert state() == before
strays = {"prosody", "prosody_functions", "script_mananger", "disvoice_utils", "praat",
          "praat_functions", "praat.praat_functions", "disvoice", "kaldi_io", "parselmouth"}
assert not strays & set(sys.modules), strays & set(sys.modules)
"""


def make_tone():
    """A second of a harmonic tone at 150 Hz."""
    t = np.arange(16_000) / 16_000
    tone = 0.2 * sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 8))
    return (np.rint(tone * 32768) / 32768).astype(np.float32)


def test_values_are_those_of_disvoices_file_call_whatever_came_before(speech, wav, tmp_path):
    lengths = [16_000, 24_000, 9_600, 20_001]  # the odd one last: it changes DisVoice's next
    signals = [speech(2.0, seed=seed)[:length] for seed, length in enumerate(lengths)]
    signals[2] = make_tone()[:9_600]  # one segment, whose statistics are undefined
    files = [str(tmp_path / f"{length}.wav") for length in lengths]
    for file, signal in zip(files, signals, strict=True):
        wav(file, signal)
    result = tmp_path / "expected.npy"
    subprocess.run([sys.executable, "-c", DISVOICE, *files, str(result)], check=True)
    expected = np.load(result)
    assert np.isnan(expected).any()
    backwards = [prosody.extract(signal) for signal in signals[::-1]][::-1]
    np.testing.assert_array_equal(backwards, expected)
    np.testing.assert_array_equal([prosody.extract(signal) for signal in signals], expected)
    assert backwards[0].dtype == np.float64


def test_pitch_tracker_is_left_as_found(speech):
    import pysptk

    def pitch(signal):
        return pysptk.sptk.rapt(signal * 32768, 16_000, 160, min=60, max=350, voice_bias=-0.2)

    signal = speech(1.0, seed=3)
    noisy = signal + 0.02 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    before = pitch(noisy)
    prosody.extract(signal[:15_999])
    np.testing.assert_array_equal(pitch(noisy), before)


def test_import_has_no_side_effect_and_prints_nothing():
    done = subprocess.run(
        [sys.executable, "-W", "always::RuntimeWarning", "-c", SIDE_EFFECTS],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_warning_escapes(speech):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prosody.extract(speech(0.5, seed=4))


def test_light_statistics_are_scipys_and_scikit_learns_to_the_last_bit():
    from scipy import stats
    from sklearn.metrics import mean_squared_error

    functions = disvoice.load().F0feat.__globals__
    light = functions["st"]
    assert (light.skew, light.kurtosis) == (disvoice.skew, disvoice.kurtosis)
    assert functions["mean_squared_error"] is disvoice.mean_squared_error
    rng = np.random.default_rng(0)
    arrays = [10.0 ** rng.integers(-5, 5) * rng.standard_normal(n) for n in range(300)]
    arrays += [np.ones(5), np.full(4, np.nan), np.full(7, 1e-30), 1e8 + np.arange(3.0)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for array in arrays + [array.astype(np.float32) for array in arrays]:
            np.testing.assert_array_equal(light.skew(array), stats.skew(array))
            np.testing.assert_array_equal(light.kurtosis(array), stats.kurtosis(array))
    for array in arrays[1:300]:
        other = rng.standard_normal(len(array))
        assert disvoice.mean_squared_error(array, other) == mean_squared_error(array, other)


def test_families_partition_the_names(speech):
    names = prosody.feature_names()
    assert len(set(names)) == len(names) == prosody.WIDTH == len(prosody.extract(speech(1, seed=5)))
    sizes = {family: len(names[part]) for family, part in prosody.FAMILIES.items()}
    assert sizes == {"f0": 30, "energy_voiced": 24, "energy_unvoiced": 24, "duration": 25}
    joined = [name for part in prosody.FAMILIES.values() for name in names[part]]
    assert tuple(joined) == names
    assert names[prosody.FAMILIES["f0"]][0] == "F0avg"
    assert all("Evoiced" in name for name in names[prosody.FAMILIES["energy_voiced"]])
    assert all("Eunvoiced" in name for name in names[prosody.FAMILIES["energy_unvoiced"]])
    assert names[prosody.FAMILIES["duration"]][0] == "Vrate"


def test_pitch_of_a_tone_is_found():
    values = dict(zip(prosody.feature_names(), prosody.extract(make_tone()), strict=True))
    assert values["F0avg"] == pytest.approx(150, abs=0.5)
    assert values["F0std"] < 1


def test_full_scale_does_not_wrap_around(speech):
    signal = speech(0.5, seed=6)
    signal[4000] = 1.0
    clipped = signal.copy()
    clipped[4000] = 32767 / 32768
    np.testing.assert_array_equal(prosody.extract(signal), prosody.extract(clipped))


def test_without_pitch_disvoices_values_are_returned():
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.05
    np.testing.assert_array_equal(prosody.extract(noise), np.zeros(103))


def test_what_disvoice_fails_on_is_named(monkeypatch, speech):
    def fails(*_args, **_kwargs):
        raise IndexError("list index out of range")

    monkeypatch.setattr(disvoice.load().Prosody, "prosody_static", fails)
    with pytest.raises(FeatureError, match=r"DisVoice fails on a signal of 0\.500 s.*leave"):
        prosody.extract(speech(0.5, seed=7))
    # One such recording does not stop a corpus.
    undefined = prosody.vector(speech(0.5, seed=7))
    assert undefined.shape == (103,) and undefined.dtype == np.float32
    assert np.isnan(undefined).all()


def test_too_short_is_refused(capfd):
    with pytest.raises(FeatureError, match=r"439 samples.*at least 440"):
        prosody.extract(np.zeros(439, np.float32))
    prosody.extract(np.zeros(440, np.float32))
    assert capfd.readouterr() == ("", "")


def test_vector_is_what_is_extracted_and_cleaned(speech):
    signal = speech(0.6, seed=8)
    np.testing.assert_array_equal(prosody.vector(signal), prosody.clean(prosody.extract(signal)))
    with pytest.raises(FeatureError, match="439 samples"):
        prosody.vector(signal[:439])


def test_missing_disvoice_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FeatureError, match=r"disvoice: is not installed; run \./run_all\.sh setup"):
        disvoice.load.__wrapped__()
    monkeypatch.setattr(disvoice, "load", disvoice.load.__wrapped__)
    with pytest.raises(FeatureError, match="is not installed"):
        prosody.vector(np.zeros(8000, np.float32))


def test_clean_marks_all_that_is_undefined():
    values, expected = np.ones((2, 103)), np.ones((2, 103), np.float32)
    values[1, :9] = [1.5, np.nan, np.inf, -np.inf, -1e30, -1e30 / 300, 1e60, -120.0, 9e5]
    expected[1, :9] = [1.5, *[np.nan] * 6, -120.0, 9e5]
    cleaned = prosody.clean(values)
    np.testing.assert_array_equal(cleaned, expected)
    assert cleaned.dtype == np.float32


def test_noise_has_no_prosody():
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32) * 0.05
    assert np.isnan(prosody.vector(noise)).all()
    assert prosody.undefined_families(prosody.vector(noise)).all()


def test_a_sawtooth_has_f0_and_no_other_family():
    signal = signals.sawtooth(2 * np.pi * 150 * np.arange(32_000) / 16_000) * 0.3
    values = prosody.vector(signal.astype(np.float32))
    assert prosody.undefined_families(values).tolist() == [False, True, True, True]
    assert values[0] == pytest.approx(150, abs=1)


def test_speech_keeps_what_disvoice_computes(speech):
    """Zeros among true values, such as the deviation of a single tilt, stay."""
    signal = speech(2.0, seed=1)
    values, cleaned = prosody.extract(signal), prosody.vector(signal)
    known = ~np.isnan(cleaned)
    np.testing.assert_array_equal(cleaned[known], values[known].astype(np.float32))
    assert known.sum() > 80 and not prosody.undefined_families(cleaned).any()
    assert not (values[~known & np.isfinite(values)] > 0).any(), "a true value"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_disvoice_cannot_compute_is_zero_and_becomes_unknown():
    """Its own functions, given nothing to compute from, fill whole groups of columns with 0."""
    own = disvoice.load().F0feat.__globals__
    tone, silence = np.sin(np.arange(1600.0)), np.zeros(0)
    given = {
        ("f0", 0): own["F0feat"](np.zeros(50)),
        ("f0", 6): own["F0feat"](np.array([0, 100.0, 0, 0]))[6:14],
        ("energy_voiced", 0): own["energy_feat"]([tone], 16_000, 320.0, 160.0),
        ("energy_voiced", 18): own["energy_feat"]([tone, silence], 16_000, 320.0, 160.0)[18:],
        ("energy_unvoiced", 12): own["energy_feat"]([silence, silence], 16_000, 320.0, 160.0)[
            12:18
        ],
        ("duration", 1): own["dur_seg"]([tone], 16_000),
        ("duration", 19): own["duration_feat"]([tone] * 2, [tone] * 2, [tone], tone, 16_000)[19:],
    }
    for (family, first), zeros in given.items():
        assert not zeros.any(), family
        place = slice(prosody.FAMILIES[family].start + first, None)
        values = np.ones(103)
        values[place][: len(zeros)] = zeros
        expected = np.zeros(103, bool)
        expected[place][: len(zeros)] = True
        np.testing.assert_array_equal(np.isnan(prosody.clean(values)), expected, family)
        values[place][: len(zeros) : 6] = 0.5  # some of a group's values may be 0
        assert not np.isnan(prosody.clean(values)).any()
