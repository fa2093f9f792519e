"""The chapter's networks and scripts."""

from ch05.tools import start

start.check_python()
start.check_packages("numpy", "tqdm", "threadpoolctl")
start.check_folders("common", "dataset")
