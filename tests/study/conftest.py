"""Two test processes share two cores: a thread each, and no less for the workers of a Ray started here."""

import os

import torch

from tests.study.commands import FAIR_SHARE

torch.set_num_threads(1)
os.environ.update(FAIR_SHARE)
