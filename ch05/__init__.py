"""The chapter's networks and scripts."""

from ch05.tools import start

start.quiet_ctrl_c()
start.check_python()
start.check_packages("numpy", "tqdm", "threadpoolctl")  # matplotlib only where it draws
start.check_folders("common", "dataset")
