"""The type checker behind every shape annotation while tests run; an int passes where a float is asked."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
