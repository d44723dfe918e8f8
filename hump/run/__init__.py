"""Running a study: its steps, one notebook after another, by Snakemake."""
