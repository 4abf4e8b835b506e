using System.Net;
using System.Text.RegularExpressions;
using Broker.Deploy.Tests.Settings;
using Broker.Node.Configuration;
using Broker.Node.Health;
using Broker.Tidy.Tests;

namespace Broker.Deploy.Tests.Docker;

public sealed partial class DockerfileTests
{
    private readonly Dockerfile _image = Dockerfile.Read("deploy/docker/Dockerfile");

    [Fact]
    public void The_program_is_built_in_one_stage_and_runs_in_another()
    {
        Assert.Equal(["build", ""], _image.StageNames);
        Assert.Equal(["${SDK_IMAGE}", "${RUNTIME_IMAGE}"], _image.Bases);
        Assert.Equal(["SDK_IMAGE", "RUNTIME_IMAGE"], _image.Arguments.Keys);
    }

    [Fact]
    public void What_is_copied_is_there_and_not_ignored()
    {
        var included = File.ReadAllLines(Path.Combine(Repository.Root, ".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..]).ToList();
        var copied = _image.Copies.Where(copy => copy.Stage is null).SelectMany(copy => copy.Sources).ToList();
        Assert.All(copied, path => Assert.True(Repository.Has(path), $"{path} is copied and does not exist"));
        Assert.Equal(included.Order(StringComparer.Ordinal), copied.Order(StringComparer.Ordinal));
        Assert.All(_image.Copies.Where(copy => copy.Stage is not null), copy => Assert.Contains(copy.Stage, _image.StageNames));
    }

    [Fact]
    public void What_the_build_reads_from_the_root_is_copied()
    {
        var read = Directory.EnumerateFiles(Repository.Root, "Directory.*").Select(Path.GetFileName).Append("global.json").Append(".editorconfig");
        Assert.Subset(_image.Copies.SelectMany(copy => copy.Sources).ToHashSet(), read.ToHashSet()!);
    }

    [Fact]
    public void The_programs_are_where_the_image_looks_for_them()
    {
        var published = PublishedProject().Matches(_image.Runs("build")).ToDictionary(match => match.Groups["output"].Value, match => match.Groups["project"].Value);
        Assert.Equal(("src/Broker.Node", "src/Broker.Pbm"), (published["/publish/node"], published["/publish/pbm"]));
        Assert.Contains(_image.Copies, copy => copy is { Stage: "build", Sources: ["/publish"], Target: "/opt/broker" });
        Assert.Equal(["/opt/broker/node/Broker.Node"], _image.Command("ENTRYPOINT"));
        Assert.Contains("ln -s /opt/broker/pbm/pbm /usr/local/bin/pbm", _image.Runs(""), StringComparison.Ordinal);
    }

    [Fact]
    public void The_QUIC_library_is_that_of_the_set_up()
    {
        var setup = File.ReadAllText(Path.Combine(Repository.Root, "scripts/setup.sh"));
        var packages = QuicPackages().Match(setup).Groups["packages"].Value.Split(' ');
        Assert.Equal([.. packages, "libssl3t64", "libstdc++6"], _image.Packages);
    }

    [Fact]
    public void The_ports_are_those_of_a_node_without_settings() =>
        Assert.Equal([$"{new BrokerNodeOptions().Port}/udp", $"{NodeSettings.DefaultHealthPort}/tcp"], _image.The("EXPOSE"));

    [Fact]
    public void The_node_accepts_the_environment()
    {
        var settings = NodeSettings.From(_image.Environment);
        Assert.Equal(settings.Node.Data, Assert.Single(_image.The("VOLUME")));
        Assert.Equal(IPAddress.Any, IPAddress.Parse(settings.Health.Address));
        Assert.Equal("broker", settings.Node.Name); // and not that of a host which is another one next time
    }

    [Fact]
    public void The_user_is_a_number_that_owns_the_data_and_nothing_else()
    {
        var ids = Assert.Single(_image.The("USER")).Split(':').Select(int.Parse).ToList();
        Assert.All(ids, id => Assert.InRange(id, 1000, 65_533));
        var runs = _image.Runs("");
        Assert.Contains($"useradd --uid {ids[0]} ", runs, StringComparison.Ordinal);
        Assert.Contains($"groupadd --gid {ids[1]} ", runs, StringComparison.Ordinal);
        Assert.Equal("/data", Assert.Single(OwnedFolder().Matches(runs)).Groups["folder"].Value);
    }

    [Fact]
    public async Task Health_is_asked_of_the_node_itself()
    {
        var command = string.Join(' ', _image.Command("HEALTHCHECK"));
        Assert.Contains($"/dev/tcp/127.0.0.1/{NodeSettings.DefaultHealthPort} ", command, StringComparison.Ordinal);
        var path = RequestPath().Match(command).Groups["path"].Value;
        Assert.Equal(HttpStatusCode.OK, await NodeSettings.AskAsync(path, NodeState.Ready));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await NodeSettings.AskAsync(path, NodeState.Starting));
    }

    [Fact]
    public void It_is_stopped_as_the_node_expects() => Assert.Equal(["SIGTERM"], _image.The("STOPSIGNAL"));

    [GeneratedRegex(@"dotnet publish (?<project>\S+) --configuration Release --output (?<output>\S+)")]
    private static partial Regex PublishedProject();

    [GeneratedRegex(@"setup_quic\(\) \{.*?apt_install (?<packages>[^\n]+)\n", RegexOptions.Singleline)]
    private static partial Regex QuicPackages();

    [GeneratedRegex(@"--owner=broker \S+ \S+ (?<folder>\S+)")]
    private static partial Regex OwnedFolder();

    [GeneratedRegex(@"GET (?<path>\S+) HTTP")]
    private static partial Regex RequestPath();
}
