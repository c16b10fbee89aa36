"""The service points of the demonstration community: at least one of every category."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_DAY = "08:30–17:30"
_ALWAYS = "00:00–24:00"


@dataclass(frozen=True)
class Place:
    """A service point of the drawing.

    Attributes
    ----------
    category
        Key of a service category.
    name, address
        Chinese.
    u, v
        Board metres.
    hours
        Opening hours, or empty.
    phones
        How many telephone numbers it has.
    accessible
        Whether a wheelchair gets in; None where nobody has looked.
    verified_on
        When somebody last checked it on the spot.
    public
        Whether residents are shown it.
    """

    category: str
    name: str
    address: str
    u: float
    v: float
    hours: str = _DAY
    phones: int = 1
    accessible: bool | None = True
    verified_on: date = date(2026, 9, 18)
    public: bool = True


PLACES: tuple[Place, ...] = (
    Place("community_office", "示例社区服务站", "示例大街66号一层", 446, 268, phones=2),
    Place("party_centre", "示例社区党群服务中心", "示例大街66号", 462, 276, phones=2),
    Place("party_centre", "示例河畔党群驿站", "示例河畔巷18号", 936, 838),
    Place("police", "示例社区警务室", "示例集市巷9号", 534, 270, _ALWAYS, 2),
    Place("police", "示例北街治安岗亭", "示例北街与示例学府巷路口", 300, 888, _ALWAYS, 1, accessible=None),
    Place("health", "示例社区卫生服务站", "示例中路31号", 600, 690, "08:00–20:00", 2),
    Place("health", "示例医院门诊部", "示例大街88号", 640, 492, _ALWAYS, 2),
    Place("health", "示例佳苑卫生室", "示例中路7号", 588, 120, verified_on=date(2025, 8, 2)),
    Place("pharmacy", "示例大药房嘉园店", "示例西路52号", 32, 560, "08:00–22:00"),
    Place("pharmacy", "示例大药房中路店", "示例中路35号", 597, 730, "08:00–22:00"),
    Place("pharmacy", "示例平安药店", "示例平安巷26号", 224, 400, "08:00–21:00", accessible=False),
    Place("elderly_care", "示例社区日间照料中心", "示例花苑巷3号", 520, 830, "08:00–18:00", 2),
    Place("elderly_care", "示例佳苑养老服务站", "示例佳苑物业楼一层", 641, 262),
    Place("childcare", "示例嘉园托育点", "示例嘉园幼儿园旁", 184, 622, "07:30–18:00"),
    Place("childcare", "示例佳苑幼儿园托育班", "示例佳苑院内", 706, 300, "07:30–18:00", accessible=None),
    Place("school", "示例实验学校", "示例学府巷12号", 352, 632, "07:00–18:00", 2),
    Place("canteen", "示例社区食堂", "示例大街66号院内", 470, 300, "06:30–19:30"),
    Place("canteen", "示例新村助老餐厅", "示例康宁巷6号", 653, 822, "10:30–13:00", accessible=False),
    Place("market", "示例便民市场", "示例集市巷2号", 334, 219, "06:00–19:00"),
    Place("market", "示例商场超市", "示例南街40号", 458, 108, "09:00–22:00"),
    Place("culture", "示例文化活动室", "示例大街70号", 478, 366, "09:00–21:00"),
    Place("culture", "示例居民之家书画室", "示例新村院内", 664, 840, "09:00–17:00", 0),
    Place("culture", "示例平房区议事亭", "示例平房中巷中段", 119, 351, "", 0, verified_on=date(2025, 6, 12)),
    Place("sport", "示例体育馆", "示例体育巷5号", 940, 326, "06:00–22:00"),
    Place("sport", "示例嘉园健身广场", "示例嘉园中心花园", 150, 700, _ALWAYS, 0),
    Place("sport", "示例北苑健身点", "示例北苑院内", 96, 126, _ALWAYS, 0, accessible=None),
    Place("sport", "示例滨河公园步道起点", "示例河畔一弄东口", 1074, 655, _ALWAYS, 0),
    Place("parcel", "示例嘉园快递驿站", "示例西路68号", 28, 742, "08:00–21:00"),
    Place("parcel", "示例佳苑快递驿站", "示例中路21号", 594, 380, "08:00–21:00"),
    Place("parcel", "示例河畔快递驿站", "示例河畔巷30号", 862, 736, "08:00–22:00"),
    Place("parcel", "示例北苑快递柜", "示例福安巷8号", 120, 214, _ALWAYS, 0),
    Place("repair", "示例平安便民维修", "示例平安巷14号", 224, 270, "09:00–18:30"),
    Place("repair", "示例新村修鞋配匙", "示例中路47号", 592, 820, "09:00–18:00", 1, accessible=False),
    Place("recycling", "示例花苑垃圾分类房", "示例花苑东门", 524, 742, "06:30–21:00", 0),
    Place("recycling", "示例佳苑垃圾分类房", "示例佳苑东门", 832, 222, "06:30–21:00", 0),
    Place(
        "recycling", "示例平房区分类点", "示例平房三巷西口", 9, 351, _ALWAYS, 0, verified_on=date(2025, 9, 30)
    ),
    Place("charging", "示例学府小区充电棚", "示例学府小区南门内", 500, 500, _ALWAYS, 1),
    Place("charging", "示例河畔苑充电站", "示例河畔苑西门内", 862, 610, _ALWAYS, 1),
    Place("charging", "示例商场充电站", "示例南街40号停车场", 366, 32, _ALWAYS, 1),
    Place("toilet", "示例平安巷公共厕所", "示例平安巷40号", 214, 448, _ALWAYS, 0),
    Place("toilet", "示例滨河公园公共厕所", "示例滨河公园北段", 1084, 760, _ALWAYS, 0),
    Place("toilet", "示例集市巷公共厕所", "示例集市巷11号", 406, 150, "06:00–22:00", 0, accessible=False),
    Place("shelter", "示例实验学校操场避难场所", "示例学府巷12号", 352, 580, "", 1),
    Place("shelter", "示例滨河公园避难场所", "示例滨河公园南段", 1082, 540, "", 1),
    Place("transit", "示例大街公交站", "示例大街与示例中路路口西", 548, 460, "06:00–22:30", 0),
    Place("transit", "示例西路公交站", "示例西路80号门前", 20, 780, "06:00–22:30", 0),
    Place("transit", "示例医院公交站", "示例大街88号门前", 700, 472, "06:00–22:30", 0),
    Place("other", "示例便民自助服务终端", "示例大街66号大厅", 478, 270, _ALWAYS, 0),
    Place("other", "示例社区物资储备库", "示例体育巷2号", 900, 268, "", 1, accessible=None, public=False),
)
