"""The embedded demo corpora: acted emotional speech in five languages, synthesised on the spot.

They let the whole study run without any data. They are no substitute for recordings of people:
everything computed from them is marked as synthetic demo speech.
"""

from hump.demo.catalogue import SENTENCES
from hump.demo.corpus import build, check, describe
