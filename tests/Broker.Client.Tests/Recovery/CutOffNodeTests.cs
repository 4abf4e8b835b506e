using System.Diagnostics;
using System.Net;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests;
using Broker.Transport.Tests.Ngtcp2;

namespace Broker.Client.Tests.Recovery;

/// <summary>Nodes behind a real network that is cut, with options as they are by default: the idle timeout of a connection is 6 s.</summary>
public sealed class CutOffNodeTests : IAsyncLifetime
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);
    private Ngtcp2Transport _transport = null!;
    private ScriptedBroker _first = null!;
    private ScriptedBroker _second = null!;
    private UdpRelay _network = null!;
    private MachinePauses? _machine;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported(out var reason), reason);
        _transport = new Ngtcp2Transport();
        _first = await ScriptedBroker.StartAsync(_transport);
        _second = await ScriptedBroker.StartAsync(_transport);
        _network = new UdpRelay(new IPEndPoint(IPAddress.Loopback, _first.Options.Endpoints[0].Port));
    }

    public async ValueTask DisposeAsync()
    {
        if (_machine is not null)
        {
            await _machine.DisposeAsync();
        }

        if (_transport is not null)
        {
            await _transport.DisposeAsync();
            await _network.DisposeAsync();
        }
    }

    [Fact]
    public async Task Message_without_an_outcome_that_the_node_has_acknowledged_is_sent_elsewhere()
    {
        await using var client = await ConnectAsync();
        var publish = client.PublishAsync("", "orders", default);
        await (await _first.AcceptPublisherAsync()).ReadPublishesAsync(1);
        var since = Cut();
        await _second.AcceptAsync();
        var again = await _second.AcceptPublisherAsync();
        Assert.Equal([1], await again.ReadPublishesAsync(1));
        await again.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publish, "the confirm");
        AssertInTime(since);
    }

    [Fact]
    public async Task Consumer_that_is_owed_nothing_goes_on_elsewhere()
    {
        await using var client = await ConnectAsync();
        var subscribe = client.SubscribeAsync("orders");
        await _first.AcceptConsumerAsync();
        await using var consumer = await Within.TimeAsync(subscribe, "the subscription");
        var read = consumer.ReadBatchAsync().AsTask();
        var since = Cut();
        await _second.AcceptAsync();
        await (await _second.AcceptConsumerAsync()).DeliverAsync(1, "a");
        using var batch = await Within.TimeAsync(read, "a message");
        Assert.Single(batch!);
        AssertInTime(since);
    }

    [Fact]
    public async Task Node_that_works_for_long_keeps_its_client_as_its_transport_answers()
    {
        await using var client = await ConnectAsync();
        var declare = client.DeclareQueueAsync("orders");
        var requests = await _first.AcceptAsync(StreamKind.Request);
        for (var i = 0; i < 3; i++)
        {
            await _first.AcceptAsync(StreamKind.Echo); // a question after 200, 400 and 800 ms, without an answer but the acknowledgement
        }

        await requests.SendAsync(new QueueOkFrame(1, "orders", 0, 0).Write);
        await Within.TimeAsync(declare, "the declaration");
        Assert.Equal((1, 0), (_first.Connections, _second.Connections));
    }

    /// <summary>A machine that stops for a moment stops the client and the nodes with it.</summary>
    private void AssertInTime(long since) => Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, s_limit + _machine!.Total);

    private long Cut()
    {
        _machine = new MachinePauses();
        _network.PassToServer = static _ => false;
        _network.PassToClient = static _ => false;
        return Stopwatch.GetTimestamp();
    }

    private async Task<BrokerClient> ConnectAsync()
    {
        var connecting = BrokerClient.ConnectAsync(_first.RecoveringOptions with
        {
            Endpoints = [new BrokerEndpoint("127.0.0.1", _network.EndPoint.Port), _second.Options.Endpoints[0]],
            KeepEndpointOrder = true,
            CloseTimeout = TimeSpan.FromMilliseconds(100),
        });
        await _first.AcceptAsync();
        return await Within.TimeAsync(connecting, "the client to connect");
    }
}
