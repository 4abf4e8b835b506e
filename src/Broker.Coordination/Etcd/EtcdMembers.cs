using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;
using Google.Protobuf;

namespace Broker.Coordination.Etcd;

/// <summary>The members of the etcd cluster. One is used until it fails, by everybody; then the next.</summary>
internal sealed class EtcdMembers : IDisposable
{
    private readonly GrpcChannel[] _calls;
    private readonly GrpcChannel[] _watches; // on connections of their own, so that watches that nobody reads cannot fill the window of the calls
    private int _current;
    private ulong _cluster;

    public EtcdMembers(EtcdOptions options, TimeProvider time)
    {
        Options = options;
        Time = time;
        _calls = [.. options.Endpoints.Select(NewChannel)];
        _watches = [.. options.Endpoints.Select(NewChannel)];
    }

    public EtcdOptions Options { get; }

    public TimeProvider Time { get; }

    public int Count => _calls.Length;

    /// <summary>The one that is used now.</summary>
    public int Current => Volatile.Read(ref _current);

    public Uri AddressOf(int member) => _calls[member].Address;

    /// <summary>One has failed. Whoever saw the same failure does not skip another one for it.</summary>
    public void Leave(int member) => Interlocked.CompareExchange(ref _current, (member + 1) % Count, member);

    /// <summary>Asks one member, once.</summary>
    /// <exception cref="GrpcException">It does not answer, or not well.</exception>
    /// <exception cref="MetadataUnavailableException">It belongs to another cluster.</exception>
    public async Task<TResponse> CallAsync<TResponse>(int member, GrpcMethod<TResponse> method, IMessage request, TimeSpan timeout, CancellationToken cancellationToken)
        where TResponse : IMessage<TResponse>, IEtcdResponse
    {
        var response = await _calls[member].CallAsync(method, request, timeout, cancellationToken);
        CheckCluster(member, response.Header);
        return response;
    }

    /// <summary>Asks until there is an answer, or the patience is over. Only for what may be done twice.</summary>
    /// <exception cref="GrpcException">It is refused.</exception>
    /// <exception cref="MetadataUnavailableException">There is no answer.</exception>
    public async Task<TResponse> CallAsync<TResponse>(GrpcMethod<TResponse> method, IMessage request, CancellationToken cancellationToken)
        where TResponse : IMessage<TResponse>, IEtcdResponse
    {
        var tries = new EtcdTries(this, Options.Patience);
        while (true)
        {
            try
            {
                return await tries.OnceAsync(method, request, cancellationToken);
            }
            catch (GrpcException e) when (!e.IsRefusal)
            {
                await tries.FailAsync(e, nothingChanged: false, cancellationToken);
            }
        }
    }

    /// <summary>Opens a watch at one member.</summary>
    public GrpcStream<WatchResponse> Watch(int member) => _watches[member].Open(EtcdMethods.Watch);

    /// <summary>All answers must come from one cluster: revisions of another one, be it a wrong address or an etcd that was set up anew, mean nothing here.</summary>
    /// <exception cref="MetadataUnavailableException">This one does not.</exception>
    /// <exception cref="GrpcException">It does not say from which.</exception>
    public void CheckCluster(int member, ResponseHeader? header)
    {
        if (header is null)
        {
            throw new GrpcException(GrpcStatus.Internal, "the answer does not say from which cluster it comes, so it is no etcd");
        }

        var known = Interlocked.CompareExchange(ref _cluster, header.ClusterId, 0);
        if (known != 0 && known != header.ClusterId)
        {
            throw new MetadataUnavailableException(
                $"{AddressOf(member)} belongs to another etcd cluster ({header.ClusterId:x}) than the one that answered before ({known:x}): correct the endpoints, or, if etcd was "
                + "restored or set up anew, start all nodes again");
        }
    }

    public void Dispose()
    {
        foreach (var channel in _calls.Concat(_watches))
        {
            channel.Dispose();
        }
    }

    private GrpcChannel NewChannel(Uri address) => new(address, address.Scheme == Uri.UriSchemeHttps ? NewTls() : null, Options.TryTimeout, Time);

    private SslClientAuthenticationOptions NewTls()
    {
        var tls = new SslClientAuthenticationOptions { ApplicationProtocols = [SslApplicationProtocol.Http2] };
        if (Options.ClientCertificate is { } certificate)
        {
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
        }

        if (Options.CertificateAuthorities is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        return tls;
    }
}
