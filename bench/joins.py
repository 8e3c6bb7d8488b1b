"""Tables made of several files of one data set: rows of one, with columns of those they refer to.

Codes that stand for a name become the name, so that rules can speak of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

Read = Callable[[str], pd.DataFrame]
"""Returns a file of the public data sets as a frame."""


def _with(
    rows: pd.DataFrame, key: str, other: pd.DataFrame, its_key: str, columns: Mapping[str, str]
) -> pd.DataFrame:
    """Return ``rows`` with columns of the rows of ``other`` that they refer to, under new names."""
    found = other.set_index(its_key)[list(columns)].rename(columns=dict(columns))
    return rows.join(found, on=key)


def berka_loan(read: Read) -> pd.DataFrame:
    """Loans with the account they belong to and its district."""
    rows = _with(
        read("berka_bank/loan.csv"),
        "account_id",
        read("berka_bank/account.csv"),
        "account_id",
        {"date": "opened", "frequency": "frequency", "district_id": "district_id"},
    )
    columns = {"A3": "region", "A11": "average_salary", "A13": "unemployment_1996"}
    return _with(rows, "district_id", read("berka_bank/district.csv"), "district_id", columns)


def chinook_track(read: Read) -> pd.DataFrame:
    """Tracks with the names of their genre and of their kind of file."""
    rows = read("chinook/Track.csv").rename(columns={"Name": "Title"})
    rows = _with(rows, "GenreId", read("chinook/Genre.csv"), "GenreId", {"Name": "Genre"})
    kinds = read("chinook/MediaType.csv")
    return _with(rows, "MediaTypeId", kinds, "MediaTypeId", {"Name": "MediaType"})


def formula1_results(read: Read) -> pd.DataFrame:
    """Results with the day of the race, the driver's birthday and how the race ended."""
    rows = read("formula1/results.csv")
    races = read("formula1/races.csv")
    rows = _with(rows, "raceId", races, "raceId", {"year": "year", "date": "date"})
    return _with(rows, "driverId", read("formula1/drivers.csv"), "driverId", {"dob": "dob"})


def formula1_standings(read: Read) -> pd.DataFrame:
    """Standings of drivers after a race, with the race's year and number in it."""
    rows = read("formula1/driver_standings.csv")
    races = read("formula1/races.csv")
    return _with(rows, "raceId", races, "raceId", {"year": "year", "round": "round"})


def northwind_line(read: Read) -> pd.DataFrame:
    """Lines of orders with what the product costs now, its category, and the day of the order."""
    rows = read("northwind/order_details.csv")
    products = read("northwind/products.csv")
    columns = {"unit_price": "list_price", "category_id": "category_id"}
    rows = _with(rows, "product_id", products, "product_id", columns)
    names = read("northwind/categories.csv")
    rows = _with(rows, "category_id", names, "category_id", {"category_name": "category"})
    orders = read("northwind/orders.csv")
    return _with(rows, "order_id", orders, "order_id", {"order_date": "order_date"})


def sakila_film(read: Read) -> pd.DataFrame:
    """Films with their category."""
    rows = read("sakila/film.csv")
    kinds = read("sakila/film_category.csv")
    rows = _with(rows, "film_id", kinds, "film_id", {"category_id": "category_id"})
    names = read("sakila/category.csv")
    return _with(rows, "category_id", names, "category_id", {"name": "category"})


def sakila_rental(read: Read) -> pd.DataFrame:
    """Payments with the rental they are for and the film's terms."""
    rows = read("sakila/payment.csv")
    rentals = read("sakila/rental.csv")
    columns = {name: name for name in ("rental_date", "return_date", "inventory_id")}
    rows = _with(rows, "rental_id", rentals, "rental_id", columns)
    items = read("sakila/inventory.csv")
    columns = {"film_id": "film_id", "store_id": "store_id"}
    rows = _with(rows, "inventory_id", items, "inventory_id", columns)
    columns = {name: name for name in ("rental_duration", "rental_rate", "length", "rating")}
    return _with(rows, "film_id", read("sakila/film.csv"), "film_id", columns)


def synthea_claims_encounter(read: Read) -> pd.DataFrame:
    """Encounters with the payer's name and the patient's birthday; moments without a time zone."""
    rows = read("synthea_claims/encounters.csv")
    for name in ("START", "STOP"):
        rows[name] = rows[name].str.removesuffix("Z")
    payers = read("synthea_claims/payers.csv")
    rows = _with(rows.rename(columns={"PAYER": "payer_id"}), "payer_id", payers, "Id", _PAYER)
    people = read("synthea_claims/patients.csv")
    return _with(rows, "PATIENT", people, "Id", {"BIRTHDATE": "BIRTHDATE", "GENDER": "GENDER"})


_PAYER = {"NAME": "PAYER", "OWNERSHIP": "OWNERSHIP"}


def synthea_ehr_encounter(read: Read) -> pd.DataFrame:
    """Encounters with the patient's birthday, day of death, sex and race."""
    people = read("synthea_ehr/patients.csv")
    columns = {name: name for name in ("BIRTHDATE", "DEATHDATE", "GENDER", "RACE")}
    return _with(read("synthea_ehr/encounters.csv"), "PATIENT", people, "ID", columns)


JOINS: Mapping[str, Callable[[Read], pd.DataFrame]] = {
    join.__name__: join
    for join in (
        berka_loan,
        chinook_track,
        formula1_results,
        formula1_standings,
        northwind_line,
        sakila_film,
        sakila_rental,
        synthea_claims_encounter,
        synthea_ehr_encounter,
    )
}
"""By name."""
