"""Parameter files, and the names that the whole study shares."""

from hump.params.load import load_params
from hump.params.schema import Params
from hump.util.files import ROOT
