"""What the demo actors say: everyday statements without emotional content.

Every sentence is spoken in every emotion, so that the words tell nothing about the label: the
design of acted corpora since Burkhardt et al. (2005, "A database of German emotional speech",
Interspeech). The source and the English target have different sentences.
"""

from hump.errors import ParameterError

__all__ = ["SENTENCES", "sentences"]

# Six to nine words each: about two seconds at a normal rate of speech.
SENTENCES = {
    "english": (
        "The parcel will arrive on Thursday morning.",
        "My brother is working in the garden today.",
        "There are seven letters on the kitchen table.",
        "We are taking the early train to London.",
        "The blue jacket is hanging behind the door.",
        "She has moved the meeting to next Monday.",
        "They painted the living room last weekend.",
        "I left the car in front of the library.",
        "The new neighbours have an old piano.",
        "He is going to make a salad for dinner.",
    ),
    "english_target": (
        "The bus stops at the corner every hour.",
        "Our teacher put the books back on the shelf.",
        "You can find the umbrella next to the mirror.",
        "The river runs along the edge of the village.",
        "We will have lunch at the office tomorrow.",
        "She wrote the number on a piece of paper.",
        "The window in the bedroom is still open.",
        "My cousin lives on the second floor.",
        "They are building a bridge over the road.",
        "He brought three apples and a loaf of bread.",
    ),
    "german": (
        "Der Zug nach Hamburg fährt um neun Uhr ab.",
        "Die Schlüssel liegen auf dem Tisch im Flur.",
        "Morgen gehen wir zusammen auf den Markt.",
        "Meine Schwester wohnt jetzt in der Stadt.",
        "Das Buch steht wieder oben im Regal.",
        "Am Nachmittag kommt der Maler noch einmal.",
        "Er hat den Brief gestern abgeschickt.",
        "Wir haben das Fenster in der Küche geöffnet.",
        "In sieben Stunden beginnt die Vorlesung.",
        "Der blaue Mantel hängt hinter der Tür.",
    ),
    "italian": (
        "Il treno per Milano parte alle nove.",
        "Le chiavi sono sul tavolo della cucina.",
        "Domani andiamo insieme al mercato.",
        "Mia sorella abita vicino alla stazione.",
        "Il libro è tornato sullo scaffale.",
        "La finestra della camera è ancora aperta.",
        "Ho lasciato la macchina davanti alla scuola.",
        "Nel pomeriggio arriva una lettera da Roma.",
        "Il giardino si trova dietro la casa.",
        "Lunedì prossimo comincia il nuovo corso.",
    ),
    "spanish": (
        "El tren para Sevilla sale a las nueve.",
        "Las llaves están sobre la mesa del salón.",
        "Mañana vamos juntos al mercado.",
        "Mi hermana vive cerca de la estación.",
        "El libro está otra vez en la estantería.",
        "La ventana del cuarto sigue abierta.",
        "He dejado el coche delante de la escuela.",
        "Por la tarde llega una carta de Madrid.",
        "El jardín se encuentra detrás de la casa.",
        "El lunes empieza el nuevo curso.",
    ),
    "mandarin": (
        "火车九点从北京出发。",
        "钥匙在厨房的桌子上。",
        "明天我们一起去买菜。",
        "我妹妹住在车站旁边。",
        "那本书放在书架上面。",
        "房间的窗户还开着。",
        "他把汽车停在学校门口。",
        "下午会有一封信寄来。",
        "花园在房子的后面。",
        "下个星期一开始上课。",
    ),
}


def sentences(language: str) -> tuple[str, ...]:
    """Sentences of one script.

    Parameters
    ----------
    language : str
        A key of `SENTENCES`: ``english`` (the source), ``english_target``, ``german``,
        ``italian``, ``spanish`` or ``mandarin``.

    Returns
    -------
    tuple of str
        In the order of the sentence numbers in file names.

    Raises
    ------
    ParameterError
        There is no such script.
    """
    if language not in SENTENCES:
        raise ParameterError(
            f"language={language!r}: no such script; allowed are {', '.join(SENTENCES)}"
        )
    return SENTENCES[language]
