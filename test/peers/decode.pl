#!/usr/bin/perl
# A second opinion on what our SMS client writes: one session, read with Net::SMPP, each PDU as one line of JSON.
# Ends when the session does.
use strict;
use warnings;
use Net::SMPP;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->canonical;
my $server = Net::SMPP->new_listen('127.0.0.1', port => 0, listen => 1, smpp_version => 0x34)
    or die "no listener: $!";
print $json->encode({ event => 'listening', port => 0 + $server->sockport }), "\n";
my $session = $server->accept or die "nobody came: $!";
my $last = 0;
while (my $pdu = $session->read_pdu) {
    my $name = Net::SMPP::pdu_tab->{ $pdu->{cmd} }->{cmd};
    my %line = (event => $name);
    for my $field (qw(system_id system_type interface_version source_addr source_addr_ton destination_addr dest_addr_ton
        dest_addr_npi esm_class protocol_id priority_flag schedule_delivery_time validity_period registered_delivery
        replace_if_present_flag data_coding sm_default_msg_id)) {
        $line{$field} = "$pdu->{$field}" if defined $pdu->{$field};
    }
    $line{hex} = unpack('H*', $pdu->{short_message}) if defined $pdu->{short_message};
    print $json->encode(\%line), "\n";
    if    ($name eq 'bind_transceiver') { $session->bind_transceiver_resp(seq => $pdu->{seq}, system_id => 'perl') }
    elsif ($name eq 'submit_sm')        { $session->submit_sm_resp(seq => $pdu->{seq}, message_id => ++$last) }
    elsif ($name eq 'enquire_link')     { $session->enquire_link_resp(seq => $pdu->{seq}) }
    elsif ($name eq 'unbind')           { $session->unbind_resp(seq => $pdu->{seq}); last }
}
