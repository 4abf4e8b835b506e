using Broker.Pbm.Session;

namespace Broker.Pbm.Tests;

public sealed class SessionTargetTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("broker-test-").FullName;
    private readonly Dictionary<string, string> _environment = [];

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Certificates_and_address_of_a_local_node_are_found_upwards()
    {
        var certificates = Certificates("repository/data/certs");
        File.WriteAllText(Path.Combine(_root, "repository/data/node.json"), """{"host":"127.0.0.1","port":7411,"pid":1}""");

        Assert.Equal(new SessionTarget("127.0.0.1", 7411, certificates, "admin"), Resolve(from: "repository/src/deep"));
    }

    [Fact]
    public void Without_a_running_node_the_usual_port_of_this_machine_is_meant()
    {
        var certificates = Certificates("data/certs");
        Assert.Equal(new SessionTarget("localhost", 7400, certificates, "admin"), Resolve(from: ""));
    }

    [Fact]
    public void The_environment_overrules_what_is_found()
    {
        Certificates("data/certs");
        _environment["BROKER_CERTS"] = "/elsewhere";
        _environment["BROKER_HOST"] = "node-1";
        _environment["BROKER_PORT"] = "7500";
        _environment["BROKER_USER"] = "alice";
        Assert.Equal(new SessionTarget("node-1", 7500, "/elsewhere", "alice"), Resolve(from: ""));
    }

    [Fact]
    public void Options_overrule_the_environment()
    {
        _environment["BROKER_CERTS"] = "/elsewhere";
        _environment["BROKER_HOST"] = "node-1";
        _environment["BROKER_PORT"] = "7500";
        _environment["BROKER_USER"] = "alice";
        var target = SessionTarget.Resolve(null, "node-2", 7600, "/here", "bob", _environment.GetValueOrDefault, [_root]);
        Assert.Equal(new SessionTarget("node-2", 7600, "/here", "bob"), target);
    }

    [Fact]
    public void The_data_folder_of_the_environment_holds_the_certificates()
    {
        _environment["BROKER_DATA"] = "/var/lib/broker";
        Assert.Equal("/var/lib/broker/certs", Resolve(from: "").CertificateFolder);
    }

    [Fact]
    public void A_host_that_was_named_does_not_get_the_port_of_the_local_node()
    {
        Certificates("data/certs");
        File.WriteAllText(Path.Combine(_root, "data/node.json"), """{"host":"127.0.0.1","port":7411}""");
        _environment["BROKER_HOST"] = "node-1";
        Assert.Equal(7400, Resolve(from: "").Port);
    }

    [Fact]
    public void No_certificates_is_said_with_what_to_do()
    {
        var refusal = Assert.Throws<PbmException>(() => Resolve(from: ""));
        Assert.Equal(ExitCode.CannotConnect, refusal.ExitCode);
        Assert.Contains("--certs", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_that_is_none_is_a_usage_error()
    {
        Certificates("data/certs");
        _environment["BROKER_PORT"] = "many";
        Assert.Equal(ExitCode.Usage, Assert.Throws<PbmException>(() => Resolve(from: "")).ExitCode);
    }

    [Fact]
    public void A_node_of_a_cluster_on_this_machine_is_named_by_its_folder()
    {
        var certificates = Certificates("data/cluster/certs");
        Node("data/cluster/n1", 7401, Environment.ProcessId);
        var folder = Node("data/cluster/n2", 7402, Environment.ProcessId);
        var expected = new SessionTarget("127.0.0.1", 7402, certificates, "admin");
        Assert.Equal(expected, Resolve(from: "", data: folder));
        _environment["BROKER_DATA"] = folder;
        Assert.Equal(expected, Resolve(from: ""));
        _environment["BROKER_DATA"] = Path.Combine(_root, "data/cluster/n1");
        _environment["BROKER_HOST"] = "node-1";
        _environment["BROKER_CERTS"] = "/elsewhere";
        Assert.Equal(expected, Resolve(from: "", data: folder));
    }

    [Fact]
    public void Of_a_cluster_on_this_machine_a_node_that_runs_is_taken()
    {
        var certificates = Certificates("data/cluster/certs");
        Node("data/cluster/n1", 7401, pid: int.MaxValue); // more than any process has
        Node("data/cluster/n2", 7402, Environment.ProcessId);
        Assert.Equal(new SessionTarget("127.0.0.1", 7402, certificates, "admin"), Resolve(from: "src"));
    }

    [Fact]
    public void Of_a_node_by_itself_and_a_cluster_the_one_that_runs_is_taken()
    {
        Certificates("data/certs");
        Node("data", 7400, pid: int.MaxValue);
        Certificates("data/cluster/certs");
        Node("data/cluster/n1", 7401, Environment.ProcessId);
        Assert.Equal(7401, Resolve(from: "").Port);
        Node("data", 7400, Environment.ProcessId);
        Assert.Equal(7400, Resolve(from: "").Port);
        Node("data", 7400, pid: int.MaxValue);
        Node("data/cluster/n1", 7401, pid: int.MaxValue);
        Assert.Equal(7400, Resolve(from: "").Port);
    }

    private SessionTarget Resolve(string from, string? data = null) =>
        SessionTarget.Resolve(data, null, null, null, null, _environment.GetValueOrDefault, [Directory.CreateDirectory(Path.Combine(_root, from)).FullName]);

    private string Node(string folder, int port, int pid)
    {
        var path = Directory.CreateDirectory(Path.Combine(_root, folder)).FullName;
        File.WriteAllText(Path.Combine(path, "node.json"), $$"""{"host":"127.0.0.1","port":{{port}},"pid":{{pid}}}""");
        return path;
    }

    private string Certificates(string folder)
    {
        var path = Directory.CreateDirectory(Path.Combine(_root, folder)).FullName;
        File.WriteAllText(Path.Combine(path, "ca.pem"), "");
        return path;
    }
}
