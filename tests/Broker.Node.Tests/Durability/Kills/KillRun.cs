using System.Globalization;
using System.Text.Json.Nodes;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>One data folder, one node after the other on it, and publishers and consumers that outlive them all.</summary>
internal sealed class KillRun
{
    private const int PublishersOfASort = 3;
    private static readonly TimeSpan s_longestStart = TimeSpan.FromSeconds(1);
    private static readonly Habit[] s_habits = Enum.GetValues<Habit>();
    private readonly Random _random;
    private readonly NodeSettings _settings;
    private readonly History _history = new();
    private readonly NamedProducer[] _named;
    private readonly NamelessPublisher[] _nameless;

    public KillRun(string data, int seed)
    {
        _random = new Random(seed);
        _settings = new NodeSettings { Data = data, Environment = [.. DurabilitySettings.SmallStore] };
        _named = [.. Enumerable.Range(1, PublishersOfASort).Select(number => new NamedProducer(number, _history, seed + number))];
        _nameless = [.. Enumerable.Range(PublishersOfASort + 1, PublishersOfASort).Select(number => new NamelessPublisher(number, _history))];
    }

    /// <summary>Nodes that were killed while they were used.</summary>
    public int Kills { get; private set; }

    /// <summary>Nodes that were stopped in order.</summary>
    public int Stops { get; private set; }

    /// <summary>Nodes that were killed while they started.</summary>
    public int KilledWhileStarting { get; private set; }

    /// <summary>The most segment files that a killed node has left.</summary>
    public int Segments { get; private set; }

    public History History => _history;

    public long ConfirmedCount => _named.Sum(p => p.ConfirmedCount) + _nameless.Sum(p => p.ConfirmedCount);

    public async Task DeclareAsync()
    {
        await using var node = await NodeProcess.StartAsync(_settings);
        await using var client = await node.ConnectAsync();
        await client.DeclareExchangeAsync(KillMessage.Exchange, "fanout");
        foreach (var queue in KillMessage.Queues)
        {
            await client.DeclareQueueAsync(queue);
        }

        foreach (var queue in KillMessage.Queues.Take(2))
        {
            await client.BindAsync(KillMessage.Exchange, queue);
        }
    }

    /// <summary>Starts a node, has everybody use it, and ends it in the middle.</summary>
    public async Task LiveAsync()
    {
        if (_random.Next(4) == 0)
        {
            await NodeProcess.KillWhileStartingAsync(_settings, s_longestStart * _random.NextDouble());
            KilledWhileStarting++;
        }

        await using var node = await NodeProcess.StartAsync(_settings);
        using var life = BeginLife(node, _random.Next(300, 8_000));
        var clients = Task.WhenAll([.. Publishers(life), .. Consumers(life)]);
        await Wait.For(life.Reached, $"messages to be confirmed and settled in life {Kills + Stops + 1}; so far {life.Done}\n{node.Transcript}", TimeSpan.FromMinutes(1));

        life.Announced = true;
        await EndAsync(node);
        life.EndClients();
        await Wait.For(clients, "the end of the clients of a killed node", TimeSpan.FromMinutes(1));
        Segments = Math.Max(Segments, Directory.EnumerateFiles(node.Data, "*.seg", SearchOption.AllDirectories).Count());
        AssertNoFaults(node);
    }

    /// <summary>Has the producers that retry finish, and takes out of the queues what is in them.</summary>
    public async Task FinishAsync()
    {
        await using var node = await NodeProcess.StartAsync(_settings);
        using var life = BeginLife(node, int.MaxValue);
        await Wait.For(Task.WhenAll(_named.Select(p => life.RunAsync("a named producer", () => p.FinishAsync(life)))), "the last confirms", TimeSpan.FromMinutes(1));
        await using var admin = await node.ConnectAsync("admin");
        foreach (var queue in KillMessage.Queues)
        {
            await DrainAsync(life, admin, queue);
        }

        foreach (var file in await NodeState.RowsAsync(admin, "store verify"))
        {
            Assert.True(file.GetProperty("damaged").GetInt32() == 0, $"damaged: {file}");
        }

        Assert.Empty(await NodeState.RowsAsync(admin, "store quarantine list"));
        AssertNoFaults(node);
    }

    /// <summary>Mostly without warning.</summary>
    private Task EndAsync(NodeProcess node)
    {
        if (_random.Next(8) > 0)
        {
            Kills++;
            return node.KillAsync();
        }

        Stops++;
        return node.StopAsync();
    }

    private NodeLife BeginLife(NodeProcess node, int target)
    {
        foreach (var queue in _history.Queues)
        {
            queue.BeginLife();
        }

        return new NodeLife(node, _history, target);
    }

    /// <summary>All of them, or one of each sort only, so that consumers can keep up.</summary>
    private IEnumerable<Task> Publishers(NodeLife life)
    {
        var (first, count) = _random.Next(2) == 0 ? (0, PublishersOfASort) : (_random.Next(PublishersOfASort), 1);
        foreach (var (named, nameless) in _named.Zip(_nameless).Skip(first).Take(count))
        {
            yield return life.RunAsync("a named producer", () => named.RunAsync(life));
            yield return life.RunAsync("a publisher", () => nameless.RunAsync(life));
        }
    }

    /// <summary>Up to four for each queue; sometimes none, so that its messages stay.</summary>
    private IEnumerable<Task> Consumers(NodeLife life)
    {
        foreach (var queue in KillMessage.Queues)
        {
            for (var count = _random.Next(5); count > 0; count--)
            {
                var habit = s_habits[_random.Next(s_habits.Length)];
                var consumer = new KillConsumer(queue, habit, life, new Random(_random.Next()));
                yield return life.RunAsync($"a consumer of {queue} with habit {habit}", consumer.RunAsync);
            }
        }
    }

    private static async Task DrainAsync(NodeLife life, BrokerClient admin, string queue)
    {
        var history = life.History[queue];
        history.BeginDrain();
        var ready = await ReadyAsync(admin, queue);
        await using var client = await life.ConnectAsync();
        await using var consumer = await client.SubscribeAsync(queue, new ConsumerOptions { ConfirmSettles = true });
        var stream = new QueueHistory.Stream();
        for (long taken = 0; taken < ready;)
        {
            using var batch = await Wait.For(consumer.ReadBatchAsync(), $"message {taken} of {ready} in {queue}");
            foreach (var delivery in batch!)
            {
                history.Delivered(stream, delivery.Body.Span, delivery.Redelivered, delivery.DeliveryCount, out _);
            }

            taken += batch.Count;
            await Wait.For(batch.AckAllAsync().AsTask(), "the confirmation of settlements");
        }

        Assert.Equal(0, await ReadyAsync(admin, queue));
    }

    private static async Task<long> ReadyAsync(BrokerClient admin, string queue)
    {
        var row = (await NodeState.RowsAsync(admin, "queue list", new JsonObject())).Single(row => row.GetProperty("name").GetString() == queue);
        Assert.Equal(0, row.GetProperty("unsettled").GetInt64());
        return row.GetProperty("ready").GetInt64();
    }

    /// <summary>A kill leaves a log that ends in the middle of something. That is no damage, and no actor fails of it.</summary>
    private void AssertNoFaults(NodeProcess node)
    {
        Assert.True(!node.Log.Contains(" in actor ", StringComparison.Ordinal) && !node.Log.Contains("fail: ", StringComparison.Ordinal), node.Transcript);
        var violations = string.Join('\n', _history.Violations.Take(20));
        Assert.True(_history.Violations.Count == 0, string.Create(CultureInfo.InvariantCulture, $"{_history.Violations.Count} violations:\n{violations}\n{node.Transcript}"));
    }
}
