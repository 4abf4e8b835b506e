using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;
using Google.Protobuf;

namespace Broker.Coordination.Etcd;

/// <summary>What one operation has tried so far: it goes from member to member until its patience is over.</summary>
/// <param name="members">The members.</param>
/// <param name="patience">From now on; <see cref="System.Threading.Timeout.InfiniteTimeSpan"/> for ever.</param>
internal sealed class EtcdTries(EtcdMembers members, TimeSpan patience)
{
    // An election takes a second or more; until then every member says at once that there is no leader.
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(250);
    private readonly long _began = members.Time.GetTimestamp();
    private readonly string?[] _failures = new string?[members.Count];
    private int _count;
    private TimeSpan _pause = s_firstPause;
    private bool _wasBroken; // a member has ended a connection in the middle

    /// <summary>The member that was asked last.</summary>
    public int Member { get; set; }

    /// <summary>How long one member has to answer.</summary>
    public TimeSpan Timeout { get; init; } = members.Options.TryTimeout;

    /// <summary>Asks the member that is used now.</summary>
    /// <exception cref="GrpcException">It does not answer, or not well.</exception>
    public Task<TResponse> OnceAsync<TResponse>(GrpcMethod<TResponse> method, IMessage request, CancellationToken cancellationToken)
        where TResponse : IMessage<TResponse>, IEtcdResponse =>
        members.CallAsync(Next(), method, request, Timeout, cancellationToken);

    /// <summary>Takes the member that is used now for a try of the caller's.</summary>
    public int Next() => Member = members.Current;

    /// <summary>That try has failed. Returns when it is time for the next one.</summary>
    /// <param name="failure">Why.</param>
    /// <param name="nothingChanged">What to say if the patience is over.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="MetadataUnavailableException">The patience is over.</exception>
    public async ValueTask FailAsync(IOException failure, bool nothingChanged, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _failures[Member] = failure.Message;
        _wasBroken |= failure is GrpcException { WasSent: true, InnerException: HttpRequestException or IOException };
        members.Leave(Member);
        var elapsed = members.Time.GetElapsedTime(_began);
        if (patience != System.Threading.Timeout.InfiniteTimeSpan && elapsed + _pause >= patience)
        {
            throw new MetadataUnavailableException($"etcd has not answered for {elapsed.TotalSeconds:0.0} s: {Reasons()}", nothingChanged, failure);
        }

        if (++_count % members.Count == 0)
        {
            await Task.Delay(_pause, members.Time, cancellationToken);
            _pause = _pause * 2 < s_longestPause ? _pause * 2 : s_longestPause;
        }
    }

    private string Reasons()
    {
        var reasons = Enumerable.Range(0, members.Count).Where(member => _failures[member] is not null).Select(member => $"{members.AddressOf(member)}: {_failures[member]}");
        return string.Join("; ", reasons) + Hint();
    }

    // Of what is wrong with TLS, one side often sees no more than a connection that ends.
    private string Hint()
    {
        var isSecure = members.Options.Endpoints[0].Scheme == Uri.UriSchemeHttps;
        return (isSecure, members.Options.ClientCertificate) switch
        {
            (true, null) => $"; no client certificate is shown: if etcd asks for one (--client-cert-auth), set {nameof(EtcdOptions.ClientCertificate)}",
            (true, _) when _wasBroken => "; etcd may not trust the client certificate (--trusted-ca-file), or it is out of date",
            (false, _) when _wasBroken => "; the endpoints are http: if etcd has a certificate (--cert-file), make them https",
            _ => "",
        };
    }
}
