"""Every mistake is one clear error that shows no key, before anything is written."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from gpusynth.cli.main import main
from gpusynth.errors import DataError, GpusynthError, OutputError, PlanError
from gpusynth.linked import Link, read_links, synthesize_linked
from gpusynth.plan import Partial, Plan, ReplicatedUniques

LINK = Link(child="establishments", parent="firms", key="firm_id")


def refused(files, links, match, error=GpusynthError, **options):
    """Check that a call is refused, without a key in the message."""
    with pytest.raises(error, match=match) as caught:
        synthesize_linked(files, links, **options)
    assert not [
        key for key in files["firms"]["firm_id"].to_pylist() if key and key in str(caught.value)
    ]


def with_keys(table, place, name="firm_id"):
    """Change the keys of a table: `place` is applied to the list of them."""
    keys = table[name].to_pylist()
    changed = place(keys)
    return table.set_column(table.column_names.index(name), name, pa.array(changed))


def test_orphans_are_counted_and_named_by_row(files):
    wrong = with_keys(files["establishments"], lambda k: [*k[:4], "nobody", "no one", *k[6:]])
    refused(
        {**files, "establishments": wrong},
        [LINK],
        r"establishments: 2 rows are orphans, data rows 5, 6: their 'firm_id'",
        DataError,
    )


def test_duplicate_parents(files):
    wrong = with_keys(files["firms"], lambda k: [k[0], k[0], *k[2:]])
    refused({**files, "firms": wrong}, [LINK], "firms: 1 rows have a key .* data row 2", DataError)


@pytest.mark.parametrize("name", ["firms", "establishments"])
def test_missing_keys(files, name):
    wrong = with_keys(files[name], lambda k: [*k[:7], None, *k[8:]])
    refused({**files, name: wrong}, [LINK], f"{name}: .*missing in 1 rows, data row 8", DataError)


def test_keys_of_different_types(files):
    wrong = with_keys(files["establishments"], lambda k: [int(key[1:]) for key in k])
    refused(
        {**files, "establishments": wrong}, [LINK], "has the type int64, but .* string", DataError
    )
    wrong = with_keys(files["firms"], lambda k: [float(key[1:]) for key in k])
    with pytest.raises(DataError, match="must be a whole number or text"):
        synthesize_linked({**files, "firms": wrong}, [LINK])


def test_keys_of_a_text_file_and_of_a_typed_one(files, tmp_path):
    for name, table in files.items():
        numbered = with_keys(table, lambda keys: [int(key[1:]) for key in keys])
        pq.write_table(numbered, tmp_path / f"{name}.parquet")
        csv.write_csv(numbered, tmp_path / f"{name}.csv")
    paths = {"firms": tmp_path / "firms.csv", "establishments": tmp_path / "establishments.parquet"}
    with pytest.raises(DataError, match="Keys of a CSV file are text: keep both files in one"):
        synthesize_linked(paths, [LINK], output=tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("links", "match"),
    [
        ([], "there are no links"),
        ([LINK.model_copy(update={"parent": "farms"})], "unknown file 'farms'"),
        ([LINK.model_copy(update={"key": "firm"})], "no single column 'firm'"),
        ([LINK.model_copy(update={"parent_key": "id"})], "no single column 'id'"),
        ([LINK.model_copy(update={"order": "year"})], "unknown column 'year'"),
        ([LINK.model_copy(update={"inherit": ("sise",)})], "inherit names 'sise'"),
        ([LINK.model_copy(update={"count": "receipts"})], "has a column 'receipts' already"),
        ([LINK, LINK.model_copy(update={"key": "sector"})], "two parents"),
        (
            [LINK, Link(child="firms", parent="establishments", key="firm_id")],
            "the links go in a circle",
        ),
        ([{"child": "establishments", "parent": "firms"}], "links: key: Field required"),
        ([{**LINK.model_dump(), "keys": "x"}], "links: keys: Extra"),
    ],
)
def test_links_that_cannot_be(files, links, match):
    refused(files, links, match, PlanError)


def test_files_that_cannot_be(files):
    refused({**files, "alone": files["firms"]}, [LINK], "no link names the file 'alone'")
    refused({**files, "../x": files["firms"]}, [LINK], "cannot name a file")
    refused({**files, "establishments": "e.parquet"}, [LINK], "some files are paths")
    refused(files, [LINK], "plans name the unknown file 'farms'", plans={"farms": Plan()})
    refused(files, [LINK], "n_replicates must be", n_replicates=0)
    own_key = Link(child="products", parent="establishments", key="firm_id")
    products = files["establishments"].select(["firm_id", "payroll"])
    refused({**files, "products": products}, [LINK, own_key], "the key of its parent and of")
    clash = files["establishments"].append_column(
        "previous.payroll", files["establishments"]["payroll"]
    )
    refused({**files, "establishments": clash}, [LINK], "'previous.payroll' has a name")
    empty = files["establishments"].slice(0, 0)
    refused({**files, "establishments": empty}, [LINK], "no rows")


@pytest.mark.parametrize(
    ("name", "plan", "match"),
    [
        ("establishments", Plan(methods={"sector": "keep"}), "'sector' is to be kept"),
        ("establishments", Plan(strata=["sector"]), "'sector' is to be kept"),
        (
            "establishments",
            Plan(calibrate=[{"margins": [{"file": "margins.csv"}]}]),
            "cannot have calibrate",
        ),
        (
            "establishments",
            Plan(replicated_uniques=ReplicatedUniques(keys=["sector"], action="remove")),
            "replicated_uniques",
        ),
        ("firms", Plan(partial=Partial(columns=["receipts"])), "cannot have partial"),
        ("firms", Plan(start_table="x.csv"), "cannot have start_table"),
        ("firms", Plan(methods={"n_establishments": "norm"}), "counts children"),
        ("firms", Plan(smoothing={"n_establishments": "density"}), "counts children"),
        ("firms", Plan(methods={"farms": "norm"}), "unknown column: 'farms'"),
        ("firms", "none.toml", "none.toml"),
    ],
)
def test_plans_that_cannot_be(files, name, plan, match):
    refused(files, [LINK], match, plans={name: plan})


def test_small_key_types_are_refused(files):
    """An int8 key cannot count 400 firms."""
    firms = with_keys(files["firms"], lambda k: list(range(400)))
    firms = firms.set_column(0, "firm_id", firms["firm_id"].cast(pa.int16()))
    places = files["establishments"].slice(0, 50)
    places = places.set_column(0, "firm_id", pa.array(range(50), pa.int8()))
    with pytest.raises(PlanError, match="int8, which cannot count"):
        synthesize_linked({"firms": firms, "establishments": places}, [LINK])


@pytest.fixture(name="written")
def _written(files, tmp_path):
    for name, table in files.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    text = "".join(f'[files.{name}]\ndata = "{name}.parquet"\n' for name in files)
    link = '[[links]]\nchild = "establishments"\nparent = "firms"\nkey = "firm_id"\n'
    (tmp_path / "links.toml").write_text(text + link)
    return tmp_path


def test_command(written, capsys):
    links, output = str(written / "links.toml"), written / "out"
    assert main(["run-linked", links, "--output", str(output), "--rows", "50", "--seed", "3"]) == 0
    assert "establishments_001.parquet" in capsys.readouterr().out
    assert pq.read_table(output / "firms_001.parquet").num_rows == 50
    assert main(["run-linked", links, "--output", str(output)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_nothing_is_left_of_a_refused_run(written, files, capsys):
    wrong = with_keys(files["establishments"], lambda k: [*k[:-1], "nobody"])
    pq.write_table(wrong, written / "establishments.parquet")
    output = written / "out"
    assert main(["run-linked", str(written / "links.toml"), "--output", str(output)]) == 2
    assert "1 rows are orphans" in capsys.readouterr().err
    assert not output.exists()
    with pytest.raises(OutputError, match="name it with output="):
        synthesize_linked({name: written / f"{name}.parquet" for name in files}, [LINK])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("x = 1", "files: Field required"),
        ("[files.a]\n[[links]]\nchild='a'\nparent='b'\nkey='k'", "files.a.data"),
        ("[files.a]\ndata='a.csv'\nfoo=1\n[[links]]\nchild='a'\nparent='b'\nkey='k'", "foo"),
        ("[files.a]\ndata='a.csv'\n[[links]]\nchild='a'\nparent='a'", "key"),
        ("[files", "links.toml"),
    ],
)
def test_links_files_that_cannot_be(tmp_path, text, match):
    path = tmp_path / "links.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=match):
        read_links(path)


def test_links_file_paths_are_relative_to_it(tmp_path):
    path = tmp_path / "links.toml"
    path.write_text(
        "[files.a]\ndata='x/a.csv'\nschema='a.toml'\nplan='p.toml'\n[files.b]\ndata='/b.csv'\n"
        "[[links]]\nchild='a'\nparent='b'\nkey='k'\n"
    )
    found = read_links(path)
    assert found.data["a"] == tmp_path / "x" / "a.csv"
    assert str(found.data["b"]) == "/b.csv"
    assert found.schemas == {"a": tmp_path / "a.toml"}
    assert found.plans == {"a": tmp_path / "p.toml"}


def test_changed_file_is_noticed(written, files, monkeypatch):
    """A file that is written to during the run leaves nothing."""
    import gpusynth.linked.run as run

    synthesize = run.synthesize_family

    def meddle(*arguments, **options):
        made = synthesize(*arguments, **options)
        pq.write_table(files["firms"].slice(0, 10), written / "firms.parquet")
        return made

    monkeypatch.setattr(run, "synthesize_family", meddle)
    paths = {name: written / f"{name}.parquet" for name in files}
    with pytest.raises(DataError, match=r"firms.parquet was changed"):
        synthesize_linked(paths, [LINK], output=written / "out")
    assert not (written / "out").exists()
