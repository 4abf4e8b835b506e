using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class Ngtcp2Address : AddressContract<Ngtcp2Backend>;

public sealed class Ngtcp2Alpn : AlpnContract<Ngtcp2Backend>;

public sealed class Ngtcp2Cancellation : CancellationContract<Ngtcp2Backend>;

public sealed class Ngtcp2Churn : ChurnContract<Ngtcp2Backend>;

public sealed class Ngtcp2Close : CloseContract<Ngtcp2Backend>;

public sealed class Ngtcp2Configuration : ConfigurationContract<Ngtcp2Backend>;

public sealed class Ngtcp2Disposal : DisposalContract<Ngtcp2Backend>;

public sealed class Ngtcp2FlowControl : FlowControlContract<Ngtcp2Backend>;

public sealed class Ngtcp2HalfClose : HalfCloseContract<Ngtcp2Backend>;

public sealed class Ngtcp2IdleTimeout : IdleTimeoutContract<Ngtcp2Backend>;

public sealed class Ngtcp2InlineContinuations : InlineContinuationsContract<Ngtcp2Backend>;

public sealed class Ngtcp2KeyLog : KeyLogContract<Ngtcp2Backend>;

public sealed class Ngtcp2MutualTls : MutualTlsContract<Ngtcp2Backend>;

public sealed class Ngtcp2OrderedBytes : OrderedBytesContract<Ngtcp2Backend>;

public sealed class Ngtcp2PendingOperations : PendingOperationsContract<Ngtcp2Backend>;

public sealed class Ngtcp2Pipe : PipeContract<Ngtcp2Backend>;

public sealed class Ngtcp2Reset : ResetContract<Ngtcp2Backend>;

public sealed class Ngtcp2Statistics : StatisticsContract<Ngtcp2Backend>;

public sealed class Ngtcp2StopSending : StopSendingContract<Ngtcp2Backend>;

public sealed class Ngtcp2StreamLimit : StreamLimitContract<Ngtcp2Backend>;

public sealed class Ngtcp2UpdateTls : UpdateTlsContract<Ngtcp2Backend>;
