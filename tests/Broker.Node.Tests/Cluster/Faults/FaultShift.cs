using Broker.Client;
using Broker.Node.Tests.Durability.Kills;
using Broker.Node.Tests.Processes;
using Broker.Transport.Ngtcp2;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>
/// The load during one fault: a client for each node, which is connected to it when the shift begins and may go to any other; a producer of each for each queue, and one of each other kind for
/// all of them; consumers of every habit.
/// </summary>
internal sealed class FaultShift : IAsyncDisposable
{
    private static readonly Habit[] s_habits = Enum.GetValues<Habit>();
    private readonly FaultRun _run;
    private readonly CancellationTokenSource _end = new();
    private readonly Ngtcp2Transport _transport = new(); // one that does not go with a node
    private readonly List<(string Home, BrokerClient Client)> _clients = [];
    private readonly List<Task> _tasks = [];
    private bool _isOver;

    private FaultShift(FaultRun run) => _run = run;

    /// <summary>Connects everybody and waits until every queue has confirmed something to the client of every node.</summary>
    public static async Task<FaultShift> BeginAsync(FaultRun run, Random random)
    {
        var shift = new FaultShift(run);
        try
        {
            foreach (var node in run.Cluster.Nodes)
            {
                var client = await shift.ConnectAsync(node, mayLeave: true);
                foreach (var producer in run.ProducersOf(node.Name))
                {
                    shift.Add($"{producer.Kind} producer at {node.Name}", producer.RunAsync(client, shift._end.Token));
                }

                foreach (var queue in run.Queues)
                {
                    var habit = s_habits[random.Next(s_habits.Length)];
                    shift.Add($"consumer of {queue.Name} at {node.Name} with habit {habit}", new FaultConsumer(queue, habit, new Random(random.Next())).RunAsync(client, shift._end.Token));
                }
            }

            await run.UntilConfirmedAsync(run.Cluster.Nodes.Select(node => node.Name));
            return shift;
        }
        catch
        {
            await shift.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds clients of a node that wait for it, whatever comes: what they have sent lies before it when it gets turns again.</summary>
    public async Task AddStayersAsync(ClusterNode node)
    {
        var client = await ConnectAsync(node, mayLeave: false);
        foreach (var producer in _run.NewStayers())
        {
            Add($"producer that stays at {node.Name}", producer.RunAsync(client, _end.Token));
        }
    }

    /// <summary>Has everybody finish: all producers but <see cref="ProducerKind.Once"/> must get all their confirms.</summary>
    public async Task EndAsync()
    {
        await _end.CancelAsync();
        await Wait.For(Task.WhenAll(_tasks), "the end of a shift", TimeSpan.FromMinutes(2));
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        await _end.CancelAsync();
        await Task.WhenAll(_clients.Select(c => c.Client.DisposeAsync().AsTask()));
        _clients.Clear();
        await Wait.For(Task.WhenAll(_tasks), "the clients of a shift to leave", TimeSpan.FromMinutes(2));
        await _transport.DisposeAsync();
        _end.Dispose();
    }

    private async Task<BrokerClient> ConnectAsync(ClusterNode node, bool mayLeave)
    {
        var client = await node.Process.ConnectAsync(change: options => options with
        {
            Endpoints = mayLeave ? [node.Endpoint, .. _run.Cluster.Endpoints.Where(e => e != node.Endpoint)] : [node.Endpoint],
            KeepEndpointOrder = true,
            Transport = _transport,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            CloseTimeout = TimeSpan.FromSeconds(2),
            IdleTimeout = mayLeave ? options.IdleTimeout : TimeSpan.FromMinutes(2),
            RecoverConnection = true, // failover is the library's work
            RecoveryPatience = TimeSpan.FromMinutes(2),
        });
        _clients.Add((node.Name, client));
        return client;
    }

    private void Add(string who, Task task) => _tasks.Add(Task.Run(async () =>
    {
        try
        {
            await task;
        }
        catch (Exception e)
        {
            _run.Violation($"{who} failed with {e.GetType().Name}: {e.Message}");
        }
    }));
}
