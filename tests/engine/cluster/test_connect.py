"""Connecting: what a user may name, TLS with certificates, a scheduler that dies."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import gpusynth
from gpusynth.cli.clustering import cluster_choice
from gpusynth.cli.main import main
from gpusynth.engine.checkpoint.pins import code_pins
from gpusynth.engine.cluster.connect import ClusterChoice, connected, read_security
from gpusynth.engine.cluster.workers import _check_answer
from gpusynth.errors import BackendUnavailableError, ClusterError
from tests.behaviour.plan_survey import SCHEMA, survey
from tests.behaviour.test_resume import files

CONFIG = """
[tls]
ca_file = "{name}.pem"
client_cert = "{name}.pem"
client_key = "{name}.key"
"""


def make_certificate(directory: Path, name: str) -> Path:
    """A self-signed certificate, its key, and a configuration that names them."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(encoding))
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / f"{name}.key").write_bytes(private)
    config = directory / f"{name}.toml"
    config.write_text(CONFIG.format(name=name))
    return config


@contextlib.contextmanager
def process(*arguments: str):
    started = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@contextlib.contextmanager
def remote_cluster(directory: Path, *tls: str):
    """A scheduler and a worker in processes of their own, as on other machines."""
    file = directory / "scheduler.json"
    own = ["--host", "127.0.0.1", "--no-dashboard", *tls]
    scheduler_options = ["--port", "0", "--scheduler-file", str(file)]
    with process("distributed.cli.dask_scheduler", *own, *scheduler_options) as scheduler:
        until = time.monotonic() + 60
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        options = ["--scheduler-file", str(file), "--nthreads", "1", "--no-nanny"]
        with process(
            "distributed.cli.dask_worker", *options, "--local-directory", str(directory), *own
        ):
            yield file, scheduler


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(200), path)
    return path


@pytest.mark.slow
def test_a_scheduler_over_tls_takes_clients_with_its_certificate_only(data, tmp_path):
    right, wrong = (make_certificate(tmp_path, name) for name in ("right", "wrong"))
    pem, key = str(tmp_path / "right.pem"), str(tmp_path / "right.key")
    tls = ["--protocol", "tls", "--tls-ca-file", pem, "--tls-cert", pem, "--tls-key", key]
    with remote_cluster(tmp_path, *tls) as (file, _):
        address = json.loads(file.read_text())["address"]
        assert address.startswith("tls://")
        for config in (wrong, None):
            refused = ClusterChoice(address, config=config, wait_seconds=3)
            with pytest.raises(ClusterError, match="certificate"), connected(refused):
                pass
        command = ["run", "--data", str(data), "--quiet", "--output", str(tmp_path / "out")]
        assert main([*command, "--cluster", address, "--cluster-config", str(right)]) == 0
    gpusynth.synthesize(data, output=tmp_path / "whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


class KillScheduler:
    """A listener that kills the scheduler once a column is fitted."""

    def __init__(self, scheduler) -> None:
        self.scheduler = scheduler

    def start(self, phase: str, work: int | None) -> None:
        pass

    def advance(self, label: str, *, work: int, rows: int) -> None:
        if label in SCHEMA.names and self.scheduler.poll() is None:
            self.scheduler.send_signal(signal.SIGKILL)
            self.scheduler.wait()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_scheduler_that_dies_leaves_a_run_to_resume(data, tmp_path):
    out = tmp_path / "out"
    with remote_cluster(tmp_path) as (file, scheduler):
        choice = ClusterChoice(str(file), wait_seconds=3)
        lost = pytest.raises(ClusterError, match="scheduler was lost")
        with lost as caught, connected(choice) as client:
            listener = KillScheduler(scheduler)
            gpusynth.synthesize(data, SCHEMA, output=out, client=client, listener=listener)
    assert caught.value.__notes__ == [f"resume with: gpusynth resume {out}"]
    gpusynth.resume(out)
    whole = gpusynth.synthesize(data, SCHEMA, output=tmp_path / "whole")
    assert files(out) == files(whole.path)


@pytest.mark.parametrize(
    "target, words",
    [("nowhere.json", "no such scheduler file"), ("tcp://127.0.0.1:1", "no scheduler answers")],
)
def test_a_cluster_that_is_not_there(target, words):
    with pytest.raises(ClusterError, match=words), connected(ClusterChoice(target, wait_seconds=1)):
        pass


def test_gpus_need_their_package():
    pytest.importorskip("distributed")
    try:
        import dask_cuda  # noqa: F401
    except ImportError:
        with (
            pytest.raises(BackendUnavailableError, match="rapids-cu12"),
            connected(ClusterChoice("local-cuda")),
        ):
            pass


@pytest.mark.parametrize(
    "text", ["", "[tls]\nca_file = 3", "tls = 1", "[tls]\nother = 'x'", "not toml", "\x00"]
)
def test_a_configuration_that_is_none(tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ClusterError, match=r"must have one table|is not valid TOML"):
        read_security(tmp_path / "c.toml")


def test_a_configuration_whose_files_are_missing(tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG.format(name="x"))
    with pytest.raises(ClusterError, match="ca_file is no file"):
        read_security(tmp_path / "c.toml")
    with pytest.raises(ClusterError, match="configuration not found"):
        read_security(tmp_path / "d.toml")


def test_options_that_do_not_belong_together():
    assert cluster_choice(None, None, None, dashboard=False) is None
    with pytest.raises(ClusterError, match="--workers belongs to a cluster"):
        cluster_choice(None, 2, None, dashboard=False)
    with pytest.raises(ClusterError, match="--workers is of clusters that are started here"):
        cluster_choice("tcp://a:1", 2, None, dashboard=False)
    choice = cluster_choice("local", 3, None, dashboard=True)
    assert (choice.n_workers, choice.has_dashboard) == (3, True)


def test_workers_that_differ_are_refused(tmp_path):
    good = {"code": dict(code_pins()), "token": "t"}
    _check_answer("tcp://w:1", good, token="t", directory=tmp_path)
    other = {**good, "code": {**good["code"], "version of numpy": "1.0"}}
    with pytest.raises(ClusterError, match=r"tcp://w:1 .*version of numpy: 1\.0 there"):
        _check_answer("tcp://w:1", other, token="t", directory=tmp_path)
    with pytest.raises(ClusterError, match="does not see"):
        _check_answer("tcp://w:1", {**good, "token": ""}, token="t", directory=tmp_path)
    with pytest.raises(ClusterError, match="cannot run gpusynth"):
        _check_answer("tcp://w:1", ModuleNotFoundError(), token="t", directory=tmp_path)
