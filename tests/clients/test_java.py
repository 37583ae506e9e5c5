"""AWS SDK for Java v2, as pom.xml pins it."""
import pytest
from sdk import drive, need, run

pytestmark = pytest.mark.heavy
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def test_java(server):
    need("java", "mvn")
    run(["mvn", "-B", "-q", COPY, "-DoutputDirectory=target/lib"], "java", 600)
    drive(server, ["java", "-cp", "target/lib/*", "Main.java"], "java")
