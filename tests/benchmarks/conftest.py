"""Two test processes share two cores: a thread each."""

import torch

torch.set_num_threads(1)
