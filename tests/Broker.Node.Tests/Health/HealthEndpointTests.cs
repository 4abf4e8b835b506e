using System.Net;
using System.Net.Sockets;
using Broker.Node.Configuration;
using Broker.Node.Health;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Broker.Node.Tests.Health;

public sealed class HealthEndpointTests : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly NodeHealth _health = new();
    private readonly HttpClient _http = new() { Timeout = s_patience };
    private readonly List<HealthEndpoint> _started = [];

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var endpoint in _started)
        {
            await endpoint.StopAsync(CancellationToken.None).WaitAsync(s_patience);
            await endpoint.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(nameof(NodeState.Starting), "/health/live", HttpStatusCode.OK)]
    [InlineData(nameof(NodeState.Starting), "/health/ready", HttpStatusCode.ServiceUnavailable)]
    [InlineData(nameof(NodeState.Ready), "/health/live", HttpStatusCode.OK)]
    [InlineData(nameof(NodeState.Ready), "/health/ready", HttpStatusCode.OK)]
    [InlineData(nameof(NodeState.Stopping), "/health/ready", HttpStatusCode.ServiceUnavailable)]
    [InlineData(nameof(NodeState.Ready), "/", HttpStatusCode.NotFound)]
    public async Task Answers_follow_the_state_of_the_node(string state, string path, HttpStatusCode expected)
    {
        var port = await StartOnFreePortAsync();
        _health.State = Enum.Parse<NodeState>(state);

        using var answer = await _http.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"));

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task A_taken_port_that_was_configured_fails_the_start()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var endpoint = Endpoint(new HealthOptions { Port = PortOf(taken) }, nodePort: 7400);

        await Assert.ThrowsAsync<IOException>(() => endpoint.StartAsync(CancellationToken.None).WaitAsync(s_patience));
    }

    [Fact]
    public async Task A_taken_default_port_does_not()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var endpoint = Endpoint(new HealthOptions(), nodePort: PortOf(taken) - 1);

        await endpoint.StartAsync(CancellationToken.None).WaitAsync(s_patience);
    }

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    // Another process may take the port between the probe and the start, so a refusal is tried again with another one.
    private async Task<int> StartOnFreePortAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            int port;
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                port = PortOf(probe);
            }

            try
            {
                await Endpoint(new HealthOptions { Port = port }, nodePort: 0).StartAsync(CancellationToken.None).WaitAsync(s_patience);
                return port;
            }
            catch (IOException) when (attempt < 10)
            {
            }
        }
    }

    private HealthEndpoint Endpoint(HealthOptions options, int nodePort)
    {
        var node = Options.Create(new BrokerNodeOptions { Port = nodePort });
        var endpoint = new HealthEndpoint(Options.Create(options), node, _health, NullLogger<HealthEndpoint>.Instance);
        _started.Add(endpoint);
        return endpoint;
    }
}
