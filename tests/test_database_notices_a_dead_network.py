"""A PostgreSQL server that is reached but does not answer is noticed in bounded time."""

from __future__ import annotations

import socket

import psycopg
import pytest

from tests.fixtures_postgres import PostgresServer
from workbench.database.engine import CONNECT_TIMEOUT_S, NETWORK, DatabaseUnavailable, open_engine


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DatabaseUnavailable) as error:
            open_engine(f"postgresql://workbench@127.0.0.1:{port}/workbench?connect_timeout=2")
    assert "timeout" in error.value.what


def test_each_connection_probes_its_network_and_a_url_may_say_otherwise(postgres: PostgresServer) -> None:
    engine = open_engine(f"{postgres.new_database()}&keepalives_idle=77")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        told = driver.info.get_parameters()
    engine.dispose()
    usual = {key: str(value) for key, value in NETWORK.items()}
    wanted = usual | {"keepalives_idle": "77", "connect_timeout": str(CONNECT_TIMEOUT_S)}
    assert {key: told.get(key, "1") for key in wanted} == wanted


def test_a_transaction_waits_bounded_for_locks_and_is_on_the_disk(postgres: PostgresServer) -> None:
    engine = open_engine(postgres.new_database())
    for _ in range(2):  # the settings stay with the connection
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "30s"
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    engine.dispose()
