"""ESD: what the numbers of its files mean; see ``esd.yaml``."""

from hump.corpora.recipe import Recipe, same

TEXTS = 350  # of each emotion


class Esd(Recipe):
    """The recipe of either half of ESD."""

    def decode(self, said):
        """As `Recipe.decode`; the number gives emotion and sentence."""
        row, number = super().decode(said), int(said["number"]) - 1
        if not 0 <= number < TEXTS * len(self.emotions):
            raise KeyError(said["number"])
        same(folder=row["emotion_raw"], number=list(self.emotions)[number // TEXTS])
        return row | {"sentence": f"{number % TEXTS + 1:03d}"}
