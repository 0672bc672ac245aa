"""What Ray Tune runs and how it is told to: the trainable, the tuner and its callback."""
