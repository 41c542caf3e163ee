"""The 130 columns of the survey: names in file order, forms of answer, selections.

Names, codes and labels follow the public data dictionary of the 2007 SBO public use microdata.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

__all__ = ["COLUMNS", "COLUMN_NAMES", "AnswerForm", "ColumnFact", "select_columns"]

AnswerForm: TypeAlias = Literal["yes_no", "flag", "coded"]
"""yes_no: 0 not reported, 1 yes, 2 no; flag: 1 yes, 2 no; coded: its own codes or numbers."""


class ColumnFact(NamedTuple):
    """One column.

    Parameters
    ----------
    name : str
    form : AnswerForm
    label : str
        What it is about, in words.
    """

    name: str
    form: AnswerForm
    label: str


# A table, one line per column.
# fmt: off
_FACTS: tuple[tuple[str, AnswerForm, str], ...] = (
    ("FIPST", "coded", "State"),
    ("SECTOR", "coded", "Industry sector (NAICS 2007)"),
    ("N07_EMPLOYER", "coded", "Employer status"),
    ("RG", "coded", "Random group (0: certainty firm)"),
    ("TABWGT", "coded", "Tabulation weight"),
    ("EMPLOYMENT_NOISY", "coded", "Employment, with noise"),
    ("PAYROLL_NOISY", "coded", "Payroll in $1,000, with noise"),
    ("RECEIPTS_NOISY", "coded", "Receipts in $1,000, with noise"),
    ("PCT1", "coded", "Owner 1: share of ownership in %"),
    ("ETH1", "coded", "Owner 1: ethnicity"),
    ("RACE1", "coded", "Owner 1: race"),
    ("SEX1", "coded", "Owner 1: sex"),
    ("VET1", "coded", "Owner 1: veteran status"),
    ("FOUNDED1", "yes_no", "Owner 1: founded the business"),
    ("PURCHASED1", "yes_no", "Owner 1: purchased the business"),
    ("INHERITED1", "yes_no", "Owner 1: inherited the business"),
    ("RECEIVED1", "yes_no", "Owner 1: received transfer or gift of business"),
    ("ACQUIRENR1", "flag", "Owner 1: how acquired not reported"),
    ("ACQYR1", "coded", "Owner 1: year acquired"),
    ("PROVIDE1", "yes_no", "Owner 1: provided services / produced goods"),
    ("MANAGE1", "yes_no", "Owner 1: managed"),
    ("FINANCIAL1", "yes_no", "Owner 1: had financial control"),
    ("FNCTNABV1", "yes_no", "Owner 1: none of these functions"),
    ("FNCTNR1", "flag", "Owner 1: function not reported"),
    ("HOURS1", "coded", "Owner 1: hours spent managing or working"),
    ("PRMINC1", "yes_no", "Owner 1: primary source of income"),
    ("SELFEMP1", "yes_no", "Owner 1: previously self-employed"),
    ("EDUC1", "coded", "Owner 1: education level"),
    ("AGE1", "coded", "Owner 1: age"),
    ("BORNUS1", "yes_no", "Owner 1: born in the United States"),
    ("DISVET1", "coded", "Owner 1: service-disabled veteran"),
    ("ESTABLISHED", "coded", "Year business established"),
    ("SCSAVINGS", "yes_no", "Startup capital: personal savings"),
    ("SCASSETS", "yes_no", "Startup capital: other personal assets"),
    ("SCEQUITY", "yes_no", "Startup capital: home equity"),
    ("SCCREDIT", "yes_no", "Startup capital: credit cards"),
    ("SCGOVTLOAN", "yes_no", "Startup capital: government loan"),
    ("SCGOVTGUAR", "yes_no", "Startup capital: government guaranteed bank loan"),
    ("SCBANKLOAN", "yes_no", "Startup capital: bank loan"),
    ("SCFAMLOAN", "yes_no", "Startup capital: loan from family/friends"),
    ("SCVENTURE", "yes_no", "Startup capital: venture capitalist"),
    ("SCGRANT", "yes_no", "Startup capital: grant"),
    ("SCOTHER", "yes_no", "Startup capital: other"),
    ("SCDONTKNOW", "yes_no", "Startup capital: don't know"),
    ("SCNONENEEDED", "yes_no", "Startup capital: none needed"),
    ("SCNOTREPORTED", "flag", "Startup capital: not reported"),
    ("SCAMOUNT", "coded", "Amount of startup capital"),
    ("HOMEBASED", "yes_no", "Home-based business"),
    ("FRANCHISE", "yes_no", "Operated as a franchise"),
    ("FRANCHISER50", "yes_no", "Franchiser owned 50%+"),
    ("ECSAVINGS", "yes_no", "Expansion capital: personal savings"),
    ("ECASSETS", "yes_no", "Expansion capital: other personal assets"),
    ("ECEQUITY", "yes_no", "Expansion capital: home equity"),
    ("ECCREDIT", "yes_no", "Expansion capital: credit cards"),
    ("ECGOVTLOAN", "yes_no", "Expansion capital: government loan"),
    ("ECGOVTGUAR", "yes_no", "Expansion capital: government guaranteed bank loan"),
    ("ECBANKLOAN", "yes_no", "Expansion capital: bank loan"),
    ("ECFAMLOAN", "yes_no", "Expansion capital: loan from family/friends"),
    ("ECVENTURE", "yes_no", "Expansion capital: venture capitalist"),
    ("ECPROFITS", "yes_no", "Expansion capital: business profits"),
    ("ECGRANT", "yes_no", "Expansion capital: grant"),
    ("ECOTHER", "yes_no", "Expansion capital: other"),
    ("ECDONTKNOW", "yes_no", "Expansion capital: don't know"),
    ("ECNOACCESS", "yes_no", "Expansion capital: no access to capital"),
    ("ECNOEXPAND", "yes_no", "Expansion capital: did not expand"),
    ("ECNOTREPORTED", "flag", "Expansion capital: not reported"),
    ("FEDERAL", "yes_no", "Federal government is 10%+ of sales"),
    ("STATELOCAL", "yes_no", "State/local government is 10%+ of sales"),
    ("OTHERBUS", "yes_no", "Other businesses are 10%+ of sales"),
    ("INDIVIDUALS", "yes_no", "Individuals are 10%+ of sales"),
    ("CUSTNR", "flag", "Customer types not reported"),
    ("EXPORTS", "coded", "Exports as % of total sales"),
    ("OPSOUTSIDE", "yes_no", "Established operations outside the United States"),
    ("OUTSOURCE", "yes_no", "Outsourced business functions out of the United States"),
    ("ENGLISH", "yes_no", "Conducted transactions in English"),
    ("ARABIC", "yes_no", "Conducted transactions in Arabic"),
    ("CHINESE", "yes_no", "Conducted transactions in Chinese"),
    ("FRENCH", "yes_no", "Conducted transactions in French"),
    ("GERMAN", "yes_no", "Conducted transactions in German"),
    ("GREEK", "yes_no", "Conducted transactions in Greek"),
    ("HINDI", "yes_no", "Conducted transactions in Hindi"),
    ("ITALIAN", "yes_no", "Conducted transactions in Italian"),
    ("JAPANESE", "yes_no", "Conducted transactions in Japanese"),
    ("KOREAN", "yes_no", "Conducted transactions in Korean"),
    ("POLISH", "yes_no", "Conducted transactions in Polish"),
    ("PORTUGUESE", "yes_no", "Conducted transactions in Portuguese"),
    ("RUSSIAN", "yes_no", "Conducted transactions in Russian"),
    ("SPANISH", "yes_no", "Conducted transactions in Spanish"),
    ("TAGALOG", "yes_no", "Conducted transactions in Tagalog"),
    ("VIETNAMESE", "yes_no", "Conducted transactions in Vietnamese"),
    ("LANGOTHER", "yes_no", "Conducted transactions in other language(s)"),
    ("LANGNR", "flag", "Language not reported"),
    ("FULLTIME", "yes_no", "Used full-time employees"),
    ("PARTTIME", "yes_no", "Used part-time employees"),
    ("DAYLABOR", "yes_no", "Used day laborers"),
    ("TEMPSTAFF", "yes_no", "Used temporary staff"),
    ("LEASED", "yes_no", "Used leased staff"),
    ("CONTRACTORS", "yes_no", "Used contractors"),
    ("EMPNR", "flag", "Employee types not reported"),
    ("HEALTHINS", "yes_no", "Provided health insurance"),
    ("RETIREMENT", "yes_no", "Provided retirement benefits"),
    ("PROFITSHARE", "yes_no", "Provided profit sharing"),
    ("HOLIDAYS", "yes_no", "Provided paid holidays / vacation"),
    ("BENENABV", "yes_no", "Provided none of the above benefits"),
    ("BENENR", "flag", "Benefits not reported"),
    ("WEBSITE", "yes_no", "Business had a website"),
    ("ECOMMERCE", "yes_no", "Ecommerce sales"),
    ("ECOMMPCT", "coded", "Ecommerce sales as % of total sales"),
    ("ONLINEPURCH", "yes_no", "Made purchases online"),
    ("LT40HOURS", "yes_no", "Operated less than 40 hours per week"),
    ("LT12MONTHS", "yes_no", "Operated less than 12 months"),
    ("SEASONAL", "yes_no", "Seasonal business"),
    ("OCCASIONALLY", "yes_no", "Operated occasionally"),
    ("ACTIVITYNABV", "yes_no", "Business activity none of the above"),
    ("ACTIVITYNR", "flag", "Business activity not reported"),
    ("OPERATING", "yes_no", "Business currently operating"),
    ("RETIRED", "yes_no", "Owner retired"),
    ("DECEASED", "yes_no", "Owner died"),
    ("ONETIME", "yes_no", "Operated for one-time event"),
    ("LOWSALES", "yes_no", "Inadequate cash flow or low sales"),
    ("NOBUSCRED", "yes_no", "Lack of business loans/credit"),
    ("NOPERSCRED", "yes_no", "Lack of personal loans/credit"),
    ("STARTANOTHER", "yes_no", "Started another business"),
    ("SOLDBUS", "yes_no", "Sold this business"),
    ("CEASEOTHER", "yes_no", "Ceased operations for another reason"),
    ("CEASENR", "flag", "Ceased operations not reported"),
    ("CEASENA", "flag", "Ceased operations not applicable"),
    ("HUSBWIFE", "coded", "Jointly owned by husband and wife"),
    ("FAMILYBUS", "yes_no", "Family owned"),
    ("NUMOWNERS", "coded", "Number of owners"),
)
# fmt: on

COLUMNS: tuple[ColumnFact, ...] = tuple(ColumnFact(*fact) for fact in _FACTS)
COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)

# fmt: off
_FIRST_CHOICE = (
    "FIPST", "SECTOR", "TABWGT", "EMPLOYMENT_NOISY", "PAYROLL_NOISY", "RECEIPTS_NOISY", "SEX1",
    "EXPORTS", "EDUC1", "BORNUS1", "RG", "RACE1", "ETH1", "AGE1", "PCT1", "NUMOWNERS",
    "ESTABLISHED", "FAMILYBUS", "HUSBWIFE", "VET1", "HEALTHINS", "RETIREMENT", "WEBSITE",
    "SCAMOUNT", "HOMEBASED", "OUTSOURCE", "OPSOUTSIDE", "HOURS1", "SCSAVINGS", "SCBANKLOAN",
    "SCNONENEEDED", "ECBANKLOAN", "ECNOEXPAND", "ECNOTREPORTED", "PARTTIME", "CONTRACTORS",
    "ACQYR1", "ECOMMPCT", "FRANCHISE", "INDIVIDUALS",
)
# fmt: on


def select_columns(n_columns: int) -> tuple[str, ...]:
    """Choose the most analytic columns, in file order.

    The first 40 choices mix identification, size, owner, transnational activity, yes/no answers
    and answers of many levels in about the proportions of the whole file; the others follow in
    file order. A smaller selection is always part of a larger one.

    Parameters
    ----------
    n_columns : int
        From 1 to 130.

    Returns
    -------
    tuple of str
    """
    others = (name for name in COLUMN_NAMES if name not in _FIRST_CHOICE)
    chosen = set((*_FIRST_CHOICE, *others)[:n_columns])
    return tuple(name for name in COLUMN_NAMES if name in chosen)
