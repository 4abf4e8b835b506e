using System.Buffers;
using Broker.Client.Connections;
using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>
/// What this client has declared and a lost connection or node may have taken along: exclusive, transient and auto-delete queues, such exchanges, and the
/// bindings of both. Durable ones stay, and are not declared again: somebody may have deleted them on purpose. Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class DeclaredTopology(TimeProvider time)
{
    private static readonly TimeSpan s_lockPause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, ExchangeDeclaration> _exchanges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, QueueDeclaration> _queues = new(StringComparer.Ordinal);
    private readonly HashSet<BindingDeclaration> _bindings = [];

    /// <summary>A queue was declared. One without a name is passed over: it gets another name each time.</summary>
    public void Add(QueueDeclaration queue)
    {
        if (queue is { Options.Passive: false, Name.Length: > 0 }
            && (queue.Options.Exclusive || queue.Options.AutoDelete || !queue.Options.Durable))
        {
            lock (_gate)
            {
                _queues[queue.Name] = queue;
            }
        }
    }

    /// <summary>An exchange was declared.</summary>
    public void Add(ExchangeDeclaration exchange)
    {
        if (!exchange.Options.Passive && (exchange.Options.AutoDelete || !exchange.Options.Durable))
        {
            lock (_gate)
            {
                _exchanges[exchange.Name] = exchange;
            }
        }
    }

    /// <summary>A queue or an exchange was bound.</summary>
    public void Add(BindingDeclaration binding)
    {
        lock (_gate)
        {
            _bindings.Remove(binding);
            _bindings.Add(binding);
        }
    }

    public void RemoveQueue(string name)
    {
        lock (_gate)
        {
            _queues.Remove(name);
            _bindings.RemoveWhere(b => b.Kind == DestinationKind.Queue && b.Destination == name);
        }
    }

    public void RemoveExchange(string name)
    {
        lock (_gate)
        {
            _exchanges.Remove(name);
            _bindings.RemoveWhere(b => b.Exchange == name || (b.Kind == DestinationKind.Exchange && b.Destination == name));
        }
    }

    public void Remove(BindingDeclaration binding)
    {
        lock (_gate)
        {
            _bindings.Remove(binding);
        }
    }

    private bool MayBeGone(BindingDeclaration binding) => _exchanges.ContainsKey(binding.Exchange) || (binding.Kind == DestinationKind.Queue
        ? _queues.ContainsKey(binding.Destination)
        : _exchanges.ContainsKey(binding.Destination));

    /// <summary>Declares everything on a new connection.</summary>
    /// <param name="connection">The new connection.</param>
    /// <param name="patience">How long to wait for queues that the cluster still takes for those of the old connection, as it may not have noticed yet that this one is gone.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Why some of it could not be.</returns>
    /// <exception cref="BrokerConnectionException">The new connection is lost already.</exception>
    public async Task<IReadOnlyList<BrokerException>> RestoreAsync(BrokerConnection connection, TimeSpan patience, CancellationToken cancellationToken)
    {
        Func<RequestStream, Task>[] declare;
        lock (_gate)
        {
            declare =
            [
                .. _exchanges.Values.Select(e => Ask(e.Create, e.Write)),
                .. _queues.Values.Select(q => Ask(q.Create, q.Write)),
                .. _bindings.Where(MayBeGone).Select(b => Ask(b.Create, b.Write)),
            ];
        }

        var failures = new List<BrokerException>();
        if (declare.Length == 0)
        {
            return failures;
        }

        var stream = new RequestStream(connection, recovers: true);
        stream.Start();
        var begun = time.GetTimestamp();
        foreach (var ask in declare)
        {
            while (await AskAsync(ask).ConfigureAwait(false) is { } failure)
            {
                if (failure.ErrorCode != ErrorCode.ResourceLocked || time.GetElapsedTime(begun) >= patience)
                {
                    failures.Add(failure);
                    break;
                }

                await Task.Delay(s_lockPause, time, cancellationToken).ConfigureAwait(false);
            }
        }

        await stream.EndAsync(cancellationToken).ConfigureAwait(false);
        return failures;

        async Task<BrokerException?> AskAsync(Func<RequestStream, Task> ask)
        {
            try
            {
                await ask(stream).ConfigureAwait(false);
                return null;
            }
            catch (BrokerException e) when (e is not BrokerConnectionException)
            {
                return e;
            }
        }

        Func<RequestStream, Task> Ask<T>(Func<PendingRequest<T>> create, Action<ulong, IBufferWriter<byte>> write) =>
            stream => stream.AskAsync(create(), write, cancellationToken);
    }
}
