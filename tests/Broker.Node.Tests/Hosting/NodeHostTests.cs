using Broker.Node.Health;
using Broker.Node.Hosting;
using Broker.Transport;
using Broker.Transport.InMemory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Broker.Node.Tests.Hosting;

/// <summary>The process's composition, on the in-memory backend.</summary>
public sealed class NodeHostTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly TemporaryFolder _folder = new();
    private readonly StringWriter _banner = new();

    public void Dispose()
    {
        _folder.Dispose();
        _banner.Dispose();
    }

    [Fact]
    public async Task A_node_that_serves_says_where_and_what_to_do_next()
    {
        File.WriteAllText(_folder["welcome.txt"], "type this");
        using var host = Build(welcome: _folder["welcome.txt"]);
        await host.StartAsync().WaitAsync(s_patience);
        await host.StopAsync().WaitAsync(s_patience);
        Assert.Matches(@"^broker \d+\.\d+\.\d+ '.+' serves udp .+:\d+ with memory.+\ntype this$", _banner.ToString().ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task A_node_is_ready_between_start_and_stop()
    {
        using var host = Build();
        var health = host.Services.GetRequiredService<NodeHealth>();
        Assert.Equal(NodeState.Starting, health.State);

        await host.StartAsync().WaitAsync(s_patience);
        Assert.Equal(NodeState.Ready, health.State);
        Assert.True(File.Exists(_folder["data/node.json"]), "the running node says where it listens");

        await host.StopAsync().WaitAsync(s_patience);
        Assert.Equal(NodeState.Stopping, health.State);
        Assert.False(File.Exists(_folder["data/node.json"]), "a stopped node listens nowhere");
    }

    [Fact]
    public async Task A_stopped_node_leaves_its_folder_to_the_next()
    {
        for (var start = 0; start < 2; start++)
        {
            using var host = Build();
            await host.StartAsync().WaitAsync(s_patience);
            await host.StopAsync().WaitAsync(s_patience);
        }
    }

    [Fact]
    public async Task Certificates_are_made_only_where_that_was_asked_for()
    {
        using var host = Build(developmentCertificates: false);
        var refusal = await Assert.ThrowsAsync<QuicTransportException>(() => host.StartAsync().WaitAsync(s_patience));
        Assert.Equal(QuicError.InvalidConfiguration, refusal.Error);
        Assert.Contains("server.pem", refusal.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["data/certs"]));
    }

    [Fact]
    public async Task The_transport_of_the_configuration_is_asked_for_once()
    {
        var asked = new List<string>();
        using var host = Build(createTransport: name =>
        {
            asked.Add(name);
            return new InMemoryTransport();
        });
        await host.StartAsync().WaitAsync(s_patience);
        await host.StopAsync().WaitAsync(s_patience);
        Assert.Equal(["ngtcp2"], asked);
    }

    [Fact]
    public async Task File_of_definitions_is_imported_at_each_start()
    {
        File.WriteAllText(_folder["definitions.json"], """{"vhosts":[{"name":"shop"}],"queues":[{"name":"orders","vhost":"shop"}]}""");
        for (var start = 0; start < 2; start++)
        {
            using var host = Build(definitions: _folder["definitions.json"]);
            await host.StartAsync().WaitAsync(s_patience);
            await host.StopAsync().WaitAsync(s_patience);
        }

        File.WriteAllText(_folder["definitions.json"], """{"queues":5}""");
        using var refused = Build(definitions: _folder["definitions.json"]);
        var failure = await Assert.ThrowsAsync<FormatException>(() => refused.StartAsync().WaitAsync(s_patience));
        Assert.Contains("Definitions:ImportFile", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'queues' of the definitions must be a list of objects", failure.Message, StringComparison.Ordinal);
        using var missing = Build(definitions: _folder["missing.json"]);
        await Assert.ThrowsAsync<FileNotFoundException>(() => missing.StartAsync().WaitAsync(s_patience));
    }

    private IHost Build(
        bool developmentCertificates = true, Func<string, IQuicTransport>? createTransport = null, string? welcome = null, string? definitions = null)
    {
        File.WriteAllText(_folder["broker.json"], """{ "Health": { "Enabled": false }, "Logging": { "LogLevel": { "Default": "None" } } }""");
        var commandLine = new Dictionary<string, string?>
        {
            ["data"] = _folder["data"],
            ["port"] = "0",
            ["transport"] = "ngtcp2",
            ["welcome"] = welcome,
            ["definitions:importfile"] = definitions,
            ["developmentcertificates"] = developmentCertificates.ToString(),
        };
        return NodeHost.Build(commandLine, _folder["broker.json"], createTransport ?? (_ => new InMemoryTransport()), _banner);
    }
}
