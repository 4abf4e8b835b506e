using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Broker.Client;

namespace Broker.Bench.Peers;

/// <summary>
/// NATS JetStream with a work queue on three nodes and a push consumer. Servers are named <c>nats1</c> to <c>nats3</c> in the order of their addresses. With its defaults a confirm
/// does not wait for the disk: it syncs every two minutes.
/// </summary>
internal sealed class JetStreamBroker(IReadOnlyList<BrokerEndpoint> nodes) : IComparedBroker
{
    private const string Stream = "COMPARED";
    private const string Deliveries = "deliveries";
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly byte[] s_subject = Encoding.ASCII.GetBytes(Load.Queue);

    public async Task PrepareAsync()
    {
        var stream = new JsonObject
        {
            ["name"] = Stream,
            ["subjects"] = new JsonArray(Load.Queue),
            ["retention"] = "workqueue",
            ["storage"] = "file",
            ["num_replicas"] = nodes.Count,
        };
        var consumer = new JsonObject
        {
            ["durable_name"] = Load.Queue,
            ["ack_policy"] = "explicit",
            ["deliver_policy"] = "all",
            ["max_ack_pending"] = Load.Window,
            ["deliver_subject"] = Deliveries,
        };
        await using var connection = await ConnectAsync(0);
        await RepeatAsync(connection, $"$JS.API.STREAM.CREATE.{Stream}", stream);
        await RepeatAsync(connection, $"$JS.API.CONSUMER.DURABLE.CREATE.{Stream}.{Load.Queue}", new JsonObject { ["stream_name"] = Stream, ["config"] = consumer });
    }

    public async Task<int> LeaderAsync()
    {
        await using var connection = await ConnectAsync(0);
        var info = await RepeatAsync(connection, $"$JS.API.STREAM.INFO.{Stream}", []);
        return int.Parse(info["cluster"]!["leader"]!.GetValue<string>()["nats".Length..], null) - 1;
    }

    public Task<IComparedProducer> OpenProducerAsync(int node) => ResendingProducer.OpenAsync(OpenLinkAsync, nodes.Count, node);

    public async Task<IAsyncDisposable> OpenConsumerAsync(int node, Action received)
    {
        var connection = await ConnectAsync(node);
        connection.Subscribe(Deliveries, (_, reply, _) =>
        {
            received();
            connection.Publish(reply, default, "+ACK"u8);
        });
        return connection;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A cluster that has just started refuses until its members have found each other.</summary>
    private static async Task<JsonNode> RepeatAsync(NatsConnection connection, string subject, JsonObject body)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await connection.RequestAsync(subject, body.ToJsonString());
            }
            catch (Exception exception) when (exception is IOException or TimeoutException && clock.Elapsed < StartTimeout)
            {
                await Task.Delay(250);
            }
        }
    }

    private async Task<IPublishLink> OpenLinkAsync(int node, LinkEvents events)
    {
        var connection = await NatsConnection.OpenAsync(nodes[node], events.Lost);
        var answers = Encoding.ASCII.GetBytes($"{connection.Inbox}.confirm.");
        connection.Subscribe($"{connection.Inbox}.confirm.*", (subject, reply, body) =>
        {
            if (Utf8Parser.TryParse(subject[answers.Length..], out long tag, out _))
            {
                events.Settled(tag, multiple: false, confirmed: body.Length > 0 && body.IndexOf("\"error\""u8) < 0);
            }
        });
        return new Link(connection, answers);
    }

    private Task<NatsConnection> ConnectAsync(int node) => NatsConnection.OpenAsync(nodes[node], static () => { });

    private sealed class Link(NatsConnection connection, byte[] answers) : IPublishLink
    {
        private readonly byte[] _reply = [.. answers, .. new byte[20]];

        public ValueTask PublishAsync(ReadOnlyMemory<byte> body, long tag)
        {
            Utf8Formatter.TryFormat(tag, _reply.AsSpan(answers.Length), out var digits);
            connection.Publish(s_subject, _reply.AsSpan(0, answers.Length + digits), body.Span);
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
