"""Folders in VOC's layout, for tests: pictures of one colour, and annotations and lists as VOC writes them."""

from PIL import Image


def annotation(*objects):
    """XML with (class, difficult) objects, each with a box and a part, as VOC 2012's people have; None: says nothing of it."""
    inside = "".join(
        f"<object><name>{name}</name>{'' if difficult is None else f'<difficult>{difficult}</difficult>'}"
        "<bndbox><xmin>1</xmin></bndbox><part><name>head</name></part></object>"
        for name, difficult in objects
    )
    return f"<annotation>\n\t<filename>x.jpg</filename><size><width>4</width></size>{inside}</annotation>\n"


def voc_folder(root, lists, size=(12, 10)):
    """Writes lists: name -> {image: its objects, or None for no annotation}; returns root."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, images in lists.items():
        put_list(root, name, images)
        for i, (image, objects) in enumerate(images.items()):
            Image.new("RGB", size, (20 * i % 256, 100, 50)).save(root / "JPEGImages" / f"{image}.jpg")
            if objects is not None:
                (root / "Annotations" / f"{image}.xml").write_text(annotation(*objects))
    return root


def put_list(root, name, lines):
    """A list of images, or of (image, label), aligned as in VOC, some lines ending as on Windows."""
    text = [line if isinstance(line, str) else f"{line[0]} {line[1]:2d}" for line in lines]
    (root / "ImageSets" / "Main" / f"{name}.txt").write_bytes("".join(f"{line} \r\n" for line in text).encode())
