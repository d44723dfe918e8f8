"""CASIA: its two layouts, and which files are of the public subset; see ``casia.yaml``."""

from hump.corpora.recipe import Recipe


class Casia(Recipe):
    """The recipe of CASIA."""

    def decode(self, said):
        """As `Recipe.decode`; groups of the second layout end in 2, and capitals mean nothing."""
        said = {group.rstrip("2"): text.lower() for group, text in said.items() if text}
        row = super().decode(said)
        is_public = 201 <= int(row["sentence"]) <= 250
        return row if is_public else "not of the public subset (texts 201 to 250)"
