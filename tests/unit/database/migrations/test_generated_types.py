"""Generated types are compared by what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations.generated_types import differences, read_types, schemas

PRINTED = """
export type Database = {
          "public": {
          Tables: {
            "bookings": {
                  Row: {
                    "id": string,"note": string | null,"status": Database["public"]['Enums']["state"]
                  }
                  Insert: { "id"?: string }
                  Relationships: [
                    { foreignKeyName: "x"
                      columns: ["a", "b"] }
                  ]
                },"tags": { Row: { "names": string[] } }
          }
          Enums: { "state": "open"|"shut" }
        }
}
"""
FORMATTED = """
// generated
export interface Database {
  __InternalSupabase: {
    PostgrestVersion: "12"
  }
  graphql_public: { Tables: { [_ in never]: never } }
  public: {
    Tables: {
      bookings: {
        Row: {
          id: string;
          note:
            | null
            | string;
          status: Database["public"]["Enums"]["state"]
        };
        Relationships: [{ foreignKeyName: "x"; columns: ["a", "b"]; isOneToOne: false }];
      };
      tags: {
        Row: {
          names: string[]
        }
      }
    };
    Views: {
      [_ in never]: never
    }
    Enums: {
      state:
        | "open"
        | "shut"
    };
  };
}
"""


def test_layout_and_other_members_are_no_difference() -> None:
    """Quotes, separators, line breaks, the order in a union, what another version of the CLI adds."""
    assert read_types(PRINTED) == read_types(FORMATTED)
    assert schemas(read_types(FORMATTED)) == ("public",)
    assert list(differences(read_types(FORMATTED), read_types(PRINTED))) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("          id: string;\n", "", "`public.bookings.id` is `missing`, and should be `string`"),
        ("id: string;", "id: number;", "`public.bookings.id` is `number`, and should be `string`"),
        ("            | null\n", "", "`public.bookings.note` is `string`, and should be `null | string`"),
        ('        | "shut"\n', "", '`public.state.enum` is `"open"`, and should be `"open" | "shut"`'),
        ("      tags: {", "      labels: {", "`public.labels` is there, and the migrations make none"),
    ],
)
def test_a_difference_is_named(old: str, new: str, said: str) -> None:
    """By its table and column."""
    assert old in FORMATTED
    found = list(differences(read_types(FORMATTED.replace(old, new)), read_types(PRINTED)))

    assert found[0] == said


@given(st.text(st.sampled_from("{}[]():;,|'\"ab? \n"), max_size=60))
def test_any_text_comes_to_an_end(text: str) -> None:
    """Somebody wrote by hand."""
    assert isinstance(read_types(f"type Database = {{{text}"), dict)
    assert read_types(text) == {}
