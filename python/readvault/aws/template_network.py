"""The network of the jobs' machines: the user's, or one of the stack's own where nothing gets in.

Machines need to get out (to S3, and for images and logs); both kinds of traffic that matter, to S3 and DynamoDB, pass
through gateways that cost nothing.
"""

from readvault.aws.template_words import STACK, Json, Resource, Resources, either, listed, ref, resource, sub

_OWN = {"Condition": "OwnVpc"}
_HTTPS = 443


def subnets() -> Json:
    """Where machines are started."""
    return either("OwnVpc", [ref("VpcSubnetA"), ref("VpcSubnetB")], listed("SubnetIds"))


def resources() -> Resources:
    """Network and security group."""
    return {
        "Vpc": resource(
            "EC2::VPC",
            {
                "CidrBlock": "10.0.0.0/16",
                "EnableDnsSupport": True,
                "EnableDnsHostnames": True,
                "Tags": [{"Key": "Name", "Value": sub(STACK)}],
            },
            **_OWN,
        ),
        # Two zones of up to 4,091 machines: Spot is cheaper where there is a choice.
        "VpcSubnetA": _subnet(0),
        "VpcSubnetB": _subnet(1),
        "VpcGateway": resource("EC2::InternetGateway", {}, **_OWN),
        "VpcGatewayAttachment": resource(
            "EC2::VPCGatewayAttachment", {"VpcId": ref("Vpc"), "InternetGatewayId": ref("VpcGateway")}, **_OWN
        ),
        "VpcRouteTable": resource("EC2::RouteTable", {"VpcId": ref("Vpc")}, **_OWN),
        "VpcRoute": resource(
            "EC2::Route",
            {
                "RouteTableId": ref("VpcRouteTable"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": ref("VpcGateway"),
            },
            DependsOn="VpcGatewayAttachment",
            **_OWN,
        ),
        "VpcRouteA": _association("VpcSubnetA"),
        "VpcRouteB": _association("VpcSubnetB"),
        "VpcS3Endpoint": _endpoint("s3"),
        "VpcDynamoEndpoint": _endpoint("dynamodb"),
        "JobSecurityGroup": resource(
            "EC2::SecurityGroup",
            {
                "GroupDescription": "Machines that compress: nothing gets in, TLS gets out",
                "VpcId": either("OwnVpc", ref("Vpc"), ref("VpcId")),
                "SecurityGroupEgress": [
                    {
                        "Description": "TLS to AWS",
                        "IpProtocol": "tcp",
                        "FromPort": _HTTPS,
                        "ToPort": _HTTPS,
                        "CidrIp": "0.0.0.0/0",
                    }
                ],
            },
        ),
    }


def _subnet(zone: int) -> Resource:
    return resource(
        "EC2::Subnet",
        {
            "VpcId": ref("Vpc"),
            "AvailabilityZone": {"Fn::Select": [zone, {"Fn::GetAZs": ""}]},
            "CidrBlock": f"10.0.{16 * zone}.0/20",
            # Without a NAT gateway, which would cost for every byte, the way out is an address of the machine's own.
            "MapPublicIpOnLaunch": True,
            "Tags": [{"Key": "Name", "Value": sub(f"{STACK}-{'ab'[zone]}")}],
        },
        **_OWN,
    )


def _association(subnet: str) -> Resource:
    return resource(
        "EC2::SubnetRouteTableAssociation",
        {"SubnetId": ref(subnet), "RouteTableId": ref("VpcRouteTable")},
        **_OWN,
    )


def _endpoint(service: str) -> Resource:
    return resource(
        "EC2::VPCEndpoint",
        {
            "VpcId": ref("Vpc"),
            "VpcEndpointType": "Gateway",
            "ServiceName": sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            "RouteTableIds": [ref("VpcRouteTable")],
        },
        **_OWN,
    )
