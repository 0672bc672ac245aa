from tests.faults.odd_space_files import try_some


def test_an_odd_space_file_is_a_study_or_refused_with_its_place(tmp_path):
    well = try_some(200, 1, tmp_path)
    assert 10 < well < 190
