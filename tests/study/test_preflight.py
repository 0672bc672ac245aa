from tests.study.commands import run, write_space


def test_a_dry_run_names_everything_that_would_stop_the_run_at_once(tmp_path):
    (tmp_path / "results" / "small").mkdir(parents=True)
    (tmp_path / "results" / "small" / "other").touch()
    many = ["--data", "nowhere", "--set", "resources.cpus=1000"]
    shown = run(write_space(tmp_path), "--dry-run", *many, RAY_TMPDIR="/nowhere")
    assert shown.returncode == 0, shown.stderr
    stops = [line for line in shown.stdout.splitlines() if line.startswith("this would stop the run: ")]
    assert len(stops) == 3
    assert "is not empty (it holds other)" in stops[0]
    assert "nowhere: no such folder" in stops[1]
    assert "a pack asks for 1000 CPUs" in stops[2]
    apart = run(tmp_path / "space.yaml", "--dry-run", "--results", "/dev/null/results", "--address", "127.0.0.1:1")
    assert "this would stop the run: " in apart.stdout
    assert "127.0.0.1:1: no Ray cluster could be joined" in apart.stdout
    assert "Traceback" not in apart.stderr
    assert [path.name for path in (tmp_path / "results" / "small").iterdir()] == ["other"]
