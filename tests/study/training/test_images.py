import numpy as np
import torch

from study.training.images import Images

CPU = torch.device("cpu")


def make(count: int = 5) -> tuple[np.ndarray, np.ndarray, Images]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, size=(count, 4, 6, 3), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64)
    return pixels, labels, Images(pixels, labels, CPU)


def expected(pixels: np.ndarray) -> torch.Tensor:
    return ((torch.from_numpy(pixels).float() / 255 - 0.5) / 0.5).permute(0, 3, 1, 2)


def test_each_replica_gets_its_own_images_in_its_own_channels():
    pixels, _, images = make()
    indices = torch.tensor([[0, 3], [4, 3], [2, 1]])
    batch = images.batch(indices)
    assert batch.shape == (2, 9, 4, 6)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for replica, chosen in enumerate(indices.tolist()):
        torch.testing.assert_close(batch[:, 3 * replica : 3 * replica + 3], expected(pixels[chosen]))


def test_batches_go_through_the_whole_set_in_order():
    pixels, labels, images = make(5)
    batches = list(images.batches(2))
    assert [len(targets) for _, targets in batches] == [2, 2, 1]
    torch.testing.assert_close(torch.cat([batch for batch, _ in batches]), expected(pixels))
    assert torch.cat([targets for _, targets in batches]).tolist() == labels.tolist()


def test_the_whole_range_of_pixels_is_normalised_to_minus_one_to_one():
    pixels = np.array([[[[0, 255, 127]]]], dtype=np.uint8)
    ((batch, _),) = Images(pixels, np.zeros(1, dtype=np.int64), CPU).batches(1)
    torch.testing.assert_close(batch.flatten(), torch.tensor([-1.0, 1.0, -1 / 255]))


def test_the_lookup_table_holds_what_the_batches_hold():
    pixels, _, images = make()
    looked_up = images.lookup_table[torch.from_numpy(pixels).long()].permute(0, 3, 1, 2)
    assert torch.equal(looked_up, torch.cat([batch for batch, _ in images.batches(2)]))
