"""Tables that points share, kept with what they were made of: the settings that their making has read.

What a table depends on is not listed by hand, so that nothing can be forgotten and a table of other settings be taken.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import wraps


class Reading(Mapping):
    """Settings that know which of them were asked for.

    Attributes
    ----------
    settings : mapping
    names : dict
        Its keys, in the order in which they were asked for.
    """

    def __init__(self, settings):
        self.settings, self.names = settings, {}

    def __getitem__(self, name):
        self.names[name] = None
        return self.settings[name]

    def __iter__(self):
        self.names.update(dict.fromkeys(self.settings))
        return iter(self.settings)

    def __len__(self):
        return len(self.settings)


def kept(most):
    """Decorator: keep the last `most` values of a function of (settings, *key), key hashable.

    Settings that were not read when a value was made do not tell it apart from others.
    """

    def decorate(make):
        values, read = OrderedDict(), {}  # read: tuples of names, one for each way through the function

        @wraps(make)
        def look(settings, *key):
            plain = settings.settings if isinstance(settings, Reading) else settings
            for names in read:
                full = key, names, tuple(plain.get(name) for name in names)
                if full in values:
                    values.move_to_end(full)
                    break
            else:
                reading = Reading(plain)
                value = make(reading, *key)
                names = tuple(reading.names)
                full = key, names, tuple(plain.get(name) for name in names)
                values[full], read[names] = value, None
                while len(values) > most:
                    values.popitem(last=False)
            if plain is not settings:
                settings.names.update(dict.fromkeys(names))
            return values[full]

        look.cache_clear = values.clear
        return look

    return decorate
