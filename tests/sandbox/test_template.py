"""What a template means, before anything is created: no moto, no process."""

import json

import pytest

from recovery_ops.sandbox.cloudformation.binding import Bound, Place, bind
from recovery_ops.sandbox.cloudformation.template import TemplateError, parse

PLACE = Place(
    account="123456789012",
    region="us-west-2",
    stack_name="net",
    stack_id="arn:aws:cloudformation:us-west-2:123456789012:stack/net/1",
    zones=("us-west-2a", "us-west-2b"),
)


class Made:
    """Resources that exist: their id is their name in lower case."""

    def ref(self, logical_id: str) -> str:
        return logical_id.lower()

    def attribute(self, logical_id: str, name: str) -> str:
        return f"{logical_id.lower()}/{name}"


def bound(body: str, **parameters: str) -> Bound:
    return bind(parse(body), PLACE, parameters, {})


def properties(body: str, **parameters: str) -> dict[str, object]:
    found = bound(body, **parameters)
    return found.scope(Made()).resolve(found.definitions["It"].properties)


YAML = """
Parameters:
  Cidrs: {Type: CommaDelimitedList, Default: "10.0.0.0/20, 10.0.16.0/20"}
  Name: {Type: String, Default: fraud}
  Big: {Type: String, Default: "no", AllowedValues: ["yes", "no"]}
Conditions:
  IsBig: !Equals [!Ref Big, "yes"]
  IsSmall: !Not [!Condition IsBig]
Resources:
  Other: {Type: AWS::EC2::VPC}
  It:
    Type: AWS::EC2::Subnet
    Properties:
      A: !Sub "${Name}-${AWS::Region}-${Other}-${Other.CidrBlock}-${!Literal}-${X}"
"""


def test_short_tags_mean_what_the_long_forms_mean() -> None:
    short = "Resources:\n  O: {Type: AWS::EC2::VPC}\n  It: {Type: T, Properties: {A: !GetAtt O.VpcId, B: !Ref O}}"
    long = {
        "Resources": {
            "O": {"Type": "AWS::EC2::VPC"},
            "It": {"Type": "T", "Properties": {"A": {"Fn::GetAtt": ["O", "VpcId"]}, "B": {"Ref": "O"}}},
        }
    }
    assert properties(short) == properties(json.dumps(long)) == {"A": "o/VpcId", "B": "o"}


def test_sub_knows_parameters_pseudo_parameters_resources_attributes_and_its_own_map() -> None:
    body = YAML.replace('-${X}"', '-${X}"').replace(
        'A: !Sub "${Name}-${AWS::Region}-${Other}-${Other.CidrBlock}-${!Literal}-${X}"',
        'A: !Sub ["${Name}-${AWS::Region}-${Other}-${Other.CidrBlock}-${!Literal}-${X}", {X: !Select [1, !Ref Cidrs]}]',
    )
    assert properties(body)["A"] == "fraud-us-west-2-other-other/CidrBlock-${Literal}-10.0.16.0/20"


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ('!Join ["-", [a, !Ref Name, 3]]', "a-fraud-3"),
        ('!Select [0, !GetAZs ""]', "us-west-2a"),
        ("!If [IsBig, 1, 2]", 2),
        ("!If [IsSmall, [!Ref Name], none]", ["fraud"]),
        ('!Split [",", "a,b"]', ["a", "b"]),
        ("{Version: 2012-10-17, Condition: {StringEquals: {a: b}}}", None),
    ],
)
def test_functions_give_what_cloudformation_gives(function: str, value: object) -> None:
    body = YAML.splitlines()
    found = properties("\n".join([*body[:-1], f"      A: {function}"]))
    assert found["A"] == (value or {"Version": "2012-10-17", "Condition": {"StringEquals": {"a": "b"}}})


def test_no_value_removes_the_property() -> None:
    body = "\n".join([*YAML.splitlines()[:-1], '      A: !If [IsBig, 1, !Ref "AWS::NoValue"]', "      B: 1"])
    assert properties(body) == {"B": 1}
    assert properties(body, Big="yes") == {"A": 1, "B": 1}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("Resources: {}", "At least one Resources member must be defined"),
        ("Resources: {A: {Properties: {}}}", "Every Resources object must contain a Type member"),
        ("Resources: {A: {Type: T, Properties: {X: !Ref Nobody}}}", r"Unresolved resource dependencies \[Nobody\]"),
        ("Resources: {A: {Type: T, DependsOn: Nobody}}", "Unresolved resource dependencies"),
        ("Resources: {A: {Type: T, Properties: {X: !Sub '${Nobody.X}'}}}", "Nobody"),
        ("Resources: {A: {Type: T, DependsOn: B}, B: {Type: T, DependsOn: A}}", "Circular dependency between"),
        ("Resources: {A: {Type: T, Properties: {X: !ImportValue y}}}", "Fn::ImportValue is not modelled"),
        ("Transform: x\nResources: {A: {Type: T}}", "Transform"),
        ("Mappings: {}\nResources: {A: {Type: T}}", "Mappings"),
        ("Resources: {A: {Type: T, CreationPolicy: {}}}", "CreationPolicy"),
        ("Resources: {A: {Type: T}}\nOutputs: {O: {Value: 1, Export: {Name: x}}}", "Export"),
        ("Resources: {A: [", "YAML not well-formed"),
        ('{"Resources": ', "JSON not well-formed"),
        ("Resources: {A: {Type: T, Properties: {X: !Select [9, [a]]}}}", "nonexistent value at index 9"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_made(body: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        bound(body)


@pytest.mark.parametrize(
    ("spec", "given", "complaint"),
    [
        ("{Type: String}", {}, r"Parameters: \[P\] must have values"),
        ("{Type: String, AllowedValues: [a]}", {"P": "b"}, "must be one of AllowedValues"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", {"P": "B"}, "must match pattern"),
        ("{Type: Number, MaxValue: 3}", {"P": "4"}, "within MinValue and MaxValue"),
        ("{Type: Number}", {"P": "x"}, "must be a number"),
        ("{Type: String, MinLength: 3}", {"P": "x"}, "number of characters"),
        ("{Type: String, Default: a}", {"Q": "x"}, r"Parameters: \[Q\] do not exist"),
        ("{Type: 'AWS::SSM::Parameter::Value<String>', Default: a}", {}, "Unrecognized parameter type"),
    ],
)
def test_parameters_are_checked(spec: str, given: dict[str, str], complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        bound(f"Parameters: {{P: {spec}}}\nResources: {{A: {{Type: T}}}}", **given)


def test_what_a_branch_not_taken_refers_to_is_not_needed() -> None:
    body = "\n".join([*YAML.splitlines()[:-1], "      A: !If [IsBig, !Ref Other, none]"])
    assert bound(body).definitions["It"].needs == ()
    assert bound(body, Big="yes").definitions["It"].needs == ("Other",)


def test_two_templates_that_mean_the_same_have_the_same_normal_form() -> None:
    one = bound("Resources: {A: {Type: T, Properties: {X: !Sub '${AWS::Region}'}}}")
    same = bound("# a comment\nDescription: new\nResources: {A: {Type: T, Properties: {X: us-west-2}}}")
    other = bound("Resources: {A: {Type: T, Properties: {X: us-west-1}}}")
    assert one.normal_form() == same.normal_form() != other.normal_form()
