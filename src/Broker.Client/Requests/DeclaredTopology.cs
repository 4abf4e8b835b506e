using System.Buffers;
using Broker.Client.Connections;
using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>
/// What this client has declared and a lost connection or node may have taken along: exclusive, transient and auto-delete queues, such exchanges, and the
/// bindings of both. Durable ones stay, and are not declared again: somebody may have deleted them on purpose. Thread-safe.
/// </summary>
internal sealed class DeclaredTopology
{
    private readonly Lock _gate = new();
    private readonly List<ExchangeDeclaration> _exchanges = [];
    private readonly List<QueueDeclaration> _queues = [];
    private readonly List<BindingDeclaration> _bindings = [];

    /// <summary>A queue was declared. One without a name is passed over: it gets another name each time.</summary>
    public void Add(QueueDeclaration queue)
    {
        if (queue is { Options.Passive: false, Name.Length: > 0 }
            && (queue.Options.Exclusive || queue.Options.AutoDelete || !queue.Options.Durable))
        {
            lock (_gate)
            {
                _queues.RemoveAll(q => q.Name == queue.Name);
                _queues.Add(queue);
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
                _exchanges.RemoveAll(e => e.Name == exchange.Name);
                _exchanges.Add(exchange);
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
            _queues.RemoveAll(q => q.Name == name);
            _bindings.RemoveAll(b => b.Kind == DestinationKind.Queue && b.Destination == name);
        }
    }

    public void RemoveExchange(string name)
    {
        lock (_gate)
        {
            _exchanges.RemoveAll(e => e.Name == name);
            _bindings.RemoveAll(b => b.Exchange == name || (b.Kind == DestinationKind.Exchange && b.Destination == name));
        }
    }

    public void Remove(BindingDeclaration binding)
    {
        lock (_gate)
        {
            _bindings.Remove(binding);
        }
    }

    private bool MayBeGone(BindingDeclaration binding) => _exchanges.Any(e => e.Name == binding.Exchange) || (binding.Kind == DestinationKind.Queue
        ? _queues.Any(q => q.Name == binding.Destination)
        : _exchanges.Any(e => e.Name == binding.Destination));

    /// <summary>Declares everything on a new connection.</summary>
    /// <returns>Why some of it could not be.</returns>
    /// <exception cref="BrokerConnectionException">The new connection is lost already.</exception>
    public async Task<IReadOnlyList<BrokerException>> RestoreAsync(BrokerConnection connection, CancellationToken cancellationToken)
    {
        Func<RequestStream, Task>[] declare;
        lock (_gate)
        {
            declare =
            [
                .. _exchanges.Select(e => Ask(e.Create, e.Write)),
                .. _queues.Select(q => Ask(q.Create, q.Write)),
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
        foreach (var ask in declare)
        {
            try
            {
                await ask(stream).ConfigureAwait(false);
            }
            catch (BrokerException e) when (e is not BrokerConnectionException)
            {
                failures.Add(e);
            }
        }

        await stream.EndAsync(cancellationToken).ConfigureAwait(false);
        return failures;

        Func<RequestStream, Task> Ask<T>(Func<PendingRequest<T>> create, Action<ulong, IBufferWriter<byte>> write) =>
            stream => stream.AskAsync(create(), write, cancellationToken);
    }
}
