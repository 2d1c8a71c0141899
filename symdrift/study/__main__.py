"""Write what a study's file may hold, for editors and readers: ``python -m symdrift.study``."""

from symdrift.study.schema import write_schema

if __name__ == "__main__":
    for path in write_schema():
        print(path)
