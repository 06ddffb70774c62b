"""The parts of `custodes check`: each looks at one sort of thing and tells what it finds; none changes anything."""
